"""How Google's parser takes the value of a field.

No vector settles what is neither text nor absent; the decisions are in `assumptions.ASSUMPTIONS`.
"""

from functools import lru_cache
from ipaddress import ip_address


def is_number(value: object) -> bool:
    """Tell whether it is a JSON number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_filled(value: object) -> bool:
    """Tell whether a field says anything: zero and false do, nothing and empty do not."""
    return value is not None and value not in ("", [], {})


def text(value: object) -> str:
    """Give a value as the parser copies it into text; empty counts as absent."""
    if isinstance(value, str):
        return value
    return str(value) if is_number(value) else ""


def label_text(value: object) -> str:
    """Give a value as the parser puts it into a label, which takes JSON strings alone."""
    return value if isinstance(value, str) else ""


@lru_cache(maxsize=1024)
def is_address(host: str) -> bool:
    """Tell whether a host is an IP address (v4 or v6)."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
