"""Which hosts the collector speaks to: Duo's own, or this machine for a test."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

_NAME = re.compile(r"[a-z0-9.:-]+")
DUO_DOMAINS = ("duosecurity.com", "duofederal.com")


@dataclass(frozen=True, slots=True)
class ApiHost:
    """Where the Admin API is.

    Attributes:
        url: Scheme, host and port, without a slash at the end.
        name: The host name in lower case, without the port: what is signed, and the ``host`` of a line.
    """

    url: str
    name: str

    @property
    def address(self) -> str:
        """The name, and the port where the URL has one: two emulators on one machine differ by it."""
        return self.url.partition("://")[2]


def api_host(text: str) -> ApiHost:
    """Read ``DUO_API_HOST``: ``api-xxxxxxxx.duosecurity.com``, or a URL.

    Raises:
        ValueError: It is no host, plain ``http://`` to another machine, or no host of Duo's. A request
            carries a signature and a day's phone numbers come back, so neither goes anywhere else.
    """
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        name, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise ValueError("is no host name and no URL") from None
    if (
        not _NAME.fullmatch(name)
        or parts.path.strip("/")
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
    ):
        raise ValueError("must be a host name, api-xxxxxxxx.duosecurity.com, or https:// and that name")
    if parts.scheme not in ("http", "https"):
        raise ValueError("must begin with https://, or with nothing before the host name")
    loopback = _is_loopback(name)
    if parts.scheme == "http" and not loopback:
        raise ValueError("must not be plain http:// (that is taken for loopback addresses alone)")
    if not loopback and not name.endswith(tuple(f".{domain}" for domain in DUO_DOMAINS)):
        raise ValueError(f"must be a host of Duo's, ending in {' or '.join(DUO_DOMAINS)}")
    netloc = f"[{name}]" if ":" in name else name
    return ApiHost(url=f"{parts.scheme}://{netloc}{f':{port}' if port else ''}", name=name)


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
