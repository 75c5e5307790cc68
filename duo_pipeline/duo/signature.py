"""Sign a request to Duo's Admin API with version 5, the default of Duo's own clients."""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote

_NOTHING = hashlib.sha512(b"").hexdigest()


def canonical_parameters(parameters: Mapping[str, str]) -> str:
    """Return the parameters as Duo signs them, which is also the query string to send.

    Every character except ``A-Za-z0-9_.~-`` is percent-encoded, and the pairs are sorted by encoded key.
    Source: ``canon_params`` of duo_client.
    """
    return "&".join(
        f"{key}={value}"
        for key, value in sorted((quote(k, "~"), quote(v, "~")) for k, v in parameters.items())
    )


def sign(skey: str, *, date: str, host: str, path: str, parameters: Mapping[str, str]) -> str:
    """Return the signature of a GET request: lower-case hex, the password of HTTP Basic.

    Args:
        skey: The secret key of the Admin API application.
        date: The Date header exactly as it will be sent (RFC 2822).
        host: The API host name, without a port.
        path: The path, from its first slash.
        parameters: The query parameters before encoding.
    """
    body = x_duo_headers = _NOTHING
    lines = (date, "GET", host.lower(), path, canonical_parameters(parameters), body, x_duo_headers)
    return hmac.new(skey.encode(), "\n".join(lines).encode(), hashlib.sha512).hexdigest()
