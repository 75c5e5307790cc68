"""Check the API host: only Duo's own hosts are allowed, and for tests this machine."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from duo_pipeline.network import is_loopback

_NAME = re.compile(r"[a-z0-9.:-]+")
_PANELS = ("admin-", "admin.", "sso-", "www.", "login.", "guide.", "help.", "status.")
DUO_DOMAINS = ("duosecurity.com", "duofederal.com")


@dataclass(frozen=True, slots=True)
class ApiHost:
    """The host of the Admin API.

    Attributes:
        url: Scheme, host and port, without a slash at the end.
        name: The host name in lower case, without the port. It is signed, and is the ``host`` of a line.
    """

    url: str
    name: str

    @property
    def address(self) -> str:
        """Return the name, and the port if the URL has one: emulators on one machine differ by their port."""
        return self.url.partition("://")[2]


def api_host(text: str) -> ApiHost:
    """Read ``DUO_API_HOST``: ``api-xxxxxxxx.duosecurity.com``, or a URL.

    Raises:
        ValueError: It is not a valid host name, not a host of Duo's, or uses plain ``http://`` for another
            machine. A request carries a signature and its answer phone numbers, so no other host may get it.
    """
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        name, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise ValueError("is not a valid host name: it must look like api-xxxxxxxx.duosecurity.com") from None
    more = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if more or not _NAME.fullmatch(name):
        raise ValueError(
            "must be a host name such as api-xxxxxxxx.duosecurity.com, with or without https:// before it"
        )
    if parts.scheme not in ("http", "https"):
        raise ValueError("must begin with https://, or with nothing before the host name")
    loopback = is_loopback(name)
    if parts.scheme == "http" and not loopback:
        raise ValueError("must not be plain http:// (allowed only for loopback addresses)")
    if not loopback and not name.endswith(tuple(f".{domain}" for domain in DUO_DOMAINS)):
        raise ValueError(f"must be a host of Duo's, ending in {' or '.join(DUO_DOMAINS)}")
    if name.startswith(_PANELS):
        raise ValueError(
            "is one of Duo's web pages: copy the API hostname (api-…) from the application's page in Duo's"
            " Admin Panel"
        )
    netloc = f"[{name}]" if ":" in name else name
    return ApiHost(url=f"{parts.scheme}://{netloc}{f':{port}' if port else ''}", name=name)
