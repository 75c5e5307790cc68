"""What the rooms that speak to other machines know of addresses and failed connections."""

import ssl
from ipaddress import ip_address
from pathlib import Path


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine's own."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def causes_of(error: BaseException) -> list[BaseException]:
    """Return the error and everything that caused it; urllib3 hides its causes in `args` and `reason`."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
    return found


def fault_of_certificates(path: str) -> str | None:
    """Return a clause that says what is wrong with a file of CA certificates, or None (also for a folder)."""
    if Path(path).is_dir():
        return None
    try:
        ssl.create_default_context(cafile=path)
    except FileNotFoundError:
        return "which is not there"
    except ssl.SSLError:
        return "which has no certificates (PEM)"
    except OSError as error:
        return f"which cannot be read ({error.strerror})"
    return None
