"""Check the signatures of requests: versions 5 and 2, as in duo_client's `canonicalize`."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator
from urllib.parse import parse_qsl, quote

from starlette.requests import Request


def credentials(request: Request) -> tuple[str, str] | None:
    """Return the integration key and the signature of the Basic authorization, or None without one."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user, password) if colon else None


def is_signed(request: Request, body: bytes, secret_key: str, signature: str) -> bool:
    """Return whether the signature is valid in version 5, or in version 2 with SHA-512 or SHA-1."""
    return any(
        hmac.compare_digest(expected.encode(), signature.encode())
        for expected in _signatures(request, body, secret_key.encode())
    )


def _signatures(request: Request, body: bytes, key: bytes) -> Iterator[str]:
    host = request.headers.get("host", "").lower()
    # Some clients sign the host with its port, others without it.
    for signed_host in (host, host.split(":")[0]):
        lines = [
            request.headers.get("date", ""),
            request.method.upper(),
            signed_host,
            request.url.path,
            _canonical_parameters(request.url.query),
        ]
        five = "\n".join(lines).encode()
        seven = "\n".join([*lines, hashlib.sha512(body).hexdigest(), _hashed_duo_headers(request)]).encode()
        yield hmac.new(key, seven, hashlib.sha512).hexdigest()
        yield hmac.new(key, five, hashlib.sha512).hexdigest()
        yield hmac.new(key, five, hashlib.sha1).hexdigest()


def _canonical_parameters(query: str) -> str:
    pairs = [
        (quote(name, "~"), quote(value, "~")) for name, value in parse_qsl(query, keep_blank_values=True)
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _hashed_duo_headers(request: Request) -> str:
    named = sorted((name, value) for name, value in request.headers.items() if name.startswith("x-duo-"))
    return hashlib.sha512("\x00".join(part for pair in named for part in pair).encode()).hexdigest()
