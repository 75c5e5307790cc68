"""Say why a request got no answer from Duo: the network, a proxy, a certificate, or a gateway in between."""

import os
import re
import socket
import ssl
from typing import NamedTuple
from urllib.parse import urlsplit

import requests
import urllib3
from requests.utils import get_environ_proxies, select_proxy

from duo_pipeline.duo.bounds import ANSWER_BYTES, ANSWER_SECONDS, AnswerTooLarge, AnswerTooSlow
from duo_pipeline.duo.errors import Code, DuoError, DuoRefusal, DuoUnavailable
from duo_pipeline.duo.host import ApiHost
from duo_pipeline.masking import shown
from duo_pipeline.network import causes_of, fault_of_certificates

_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")
_TEMPORARY = (408, 425)


class Proxy(NamedTuple):
    """The proxy that requests to a host go through.

    Attributes:
        variable: The environment variable that names it.
        address: Its host and port, without user and password.
    """

    variable: str
    address: str

    def __str__(self) -> str:
        return f"{self.address} ({self.variable})"


def proxy_of(host: ApiHost) -> Proxy | None:
    """Return the proxy that `requests` uses for a host: the environment names it."""
    url = select_proxy(host.url, get_environ_proxies(host.url))
    if not url:
        return None
    scheme = urlsplit(host.url).scheme
    names = [
        name for protocol in (scheme, "all") for name in (f"{protocol}_proxy", f"{protocol}_PROXY".upper())
    ]
    variable = next((name for name in names if os.environ.get(name) == url), names[1])
    return Proxy(variable, url.rpartition("@")[2].partition("://")[2] or url.rpartition("@")[2])


def connection_error(error: Exception, host: ApiHost) -> DuoError:
    """Return the error to raise for one that `requests`, urllib3 or `bounds` raised.

    Args:
        error: The error. Its own text is not shown: it can contain the request with its parameters.
        host: The API host.
    """
    causes = causes_of(error)
    proxy = proxy_of(host)
    if isinstance(error, AnswerTooLarge):
        size = f"{ANSWER_BYTES >> 20} MiB"
        return DuoRefusal(f"The answer of {host.name} is larger than {size}: report it to Duo's support.")
    if any(isinstance(cause, AnswerTooSlow) for cause in causes):
        return DuoUnavailable(f"Duo's answer was not complete after {ANSWER_SECONDS:.0f} s")
    if proxy and any(
        isinstance(cause, requests.exceptions.ProxyError | urllib3.exceptions.ProxyError) for cause in causes
    ):
        return _proxy_error(proxy, causes, host)
    if proxy and isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return DuoRefusal(f"{proxy.variable} is not a usable proxy: set it to http://name:port.", "proxy")
    return _tls_error(causes, host) or _network_error(error, causes, host)


def who_answered(response: requests.Response) -> str:
    """Return the status, the server and the type of an answer, as people may see them."""
    server = shown(response.headers.get("Server", "").partition("/")[0])
    content_type = shown(response.headers.get("Content-Type", "").partition(";")[0].replace("/", " "))
    return ", ".join(
        filter(None, (f"status {response.status_code}", server and f"server {server}", content_type))
    )


def gateway_answered(response: requests.Response, host: ApiHost) -> DuoError:
    """Return the error to raise for an answer that is not Duo's: it lacks Duo's JSON."""
    status = response.status_code
    proxy = proxy_of(host)
    what = f"Not Duo, but something between this machine and {host.name} answered ({who_answered(response)})"
    if status in _TEMPORARY or status == 200:
        return DuoUnavailable(what, code="gateway")
    if 300 <= status < 400:
        what = f"{what} and redirects to another address, which is not followed"
    where = f"the proxy {proxy}, or a gateway behind it," if proxy else "your firewall or gateway"
    return DuoRefusal(
        f"{what}: check DUO_API_HOST, and that {where} lets requests to {host.name} pass unchanged.",
        "gateway",
    )


def _proxy_error(proxy: Proxy, causes: list[BaseException], host: ApiHost) -> DuoError:
    tunnel = next((found for cause in causes if (found := _TUNNEL.search(str(cause)))), None)
    if tunnel:
        status = int(tunnel[1])
        what = f"The proxy {proxy} answered {status} to the request for {host.name}"
        if status >= 500 or status in (*_TEMPORARY, 429):
            return DuoUnavailable(what, code="proxy")
        cure = (
            f"put its user and password into {proxy.variable}"
            if status == 407
            else f"allow {host.name} there, or name it in NO_PROXY"
        )
        return DuoRefusal(f"{what}: {cure}.", "proxy")
    if any(isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_NONAME for cause in causes):
        return DuoRefusal(
            f"There is no host with the name of the proxy {proxy}: correct the variable.", "proxy"
        )
    return DuoUnavailable(f"The proxy {proxy} cannot be reached ({_name(causes)})", code="proxy")


def _tls_error(causes: list[BaseException], host: ApiHost) -> DuoError | None:
    variable = next(filter(os.environ.get, _BUNDLES), None)
    if variable and (fault := fault_of_certificates(os.environ[variable])):
        return DuoRefusal(f"{variable} names {os.environ[variable]}, {fault}: correct the variable.", "tls")
    distrust = next((cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)), None)
    if distrust is None:
        return None
    reason = f" ({distrust.verify_message})" if distrust.verify_message else ""
    return DuoRefusal(
        f"The certificate of {host.name} is not trusted{reason}: if your company inspects TLS traffic, add"
        f" its CA certificate to a file with all CA certificates, and set {variable or _BUNDLES[0]} to the"
        " path of that file. Otherwise check DUO_API_HOST.",
        "tls",
    )


def _network_error(error: Exception, causes: list[BaseException], host: ApiHost) -> DuoError:
    lookups = [cause for cause in causes if isinstance(cause, socket.gaierror)]
    if any(cause.errno == socket.EAI_NONAME for cause in lookups):
        return DuoRefusal(f"There is no host {host.name}: check DUO_API_HOST.", "dns")
    code: Code = (
        "dns" if lookups else "tls" if any(isinstance(one, ssl.SSLError) for one in causes) else "connection"
    )
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return DuoUnavailable(f"{host.name} did not answer in time", code=code)
    return DuoUnavailable(f"The connection to {host.name} failed ({_name(causes)})", code=code)


def _name(causes: list[BaseException]) -> str:
    return type(causes[-1]).__name__
