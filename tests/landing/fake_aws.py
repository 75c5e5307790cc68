"""A small S3 store and AWS's identity services on loopback, which refuse and misbehave as they are told."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

CREDENTIALS = (
    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId>"
    "<SecretAccessKey>temporary</SecretAccessKey><SessionToken>token</SessionToken>"
    "<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
)


Act = Callable[[], tuple[int, bytes]]


class Answer(NamedTuple):
    """What the server answers instead of doing what it is asked to."""

    status: int
    code: str = ""
    message: str = ""
    more: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


@dataclass
class FakeAws:
    """The state of the server, and how it misbehaves.

    Attributes:
        url: Where it listens.
        objects: The bodies of the objects, by key.
        answers: What it answers to an operation (List, Get, Put, PutNew, or an action of STS or SSO).
        exists: The status for a conditional write of a key that exists; 0: it ignores the condition.
        frames: Whether it keeps a body with a framing around it.
        changes: What it makes of a body before it keeps it.
        seen: The operations it was asked for, in order.
        puts: The headers of each write.
    """

    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    exists: int = 412
    unwraps: bool = True
    frames: bool = False
    changes: Callable[[bytes], bytes] = bytes
    seen: list[str] = field(default_factory=list)
    puts: list[dict[str, str]] = field(default_factory=list)

    def refuse(self, operation: str, status: int, code: str, message: str = "", more: str = "") -> None:
        """Let an operation fail with an error of AWS."""
        self.answers[operation] = Answer(status, code, message, more)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    aws: FakeAws

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        if parts.path.startswith("/federation"):
            self._do("GetRoleCredentials", lambda: (200, b"{}"))
        elif "list-type" in query:
            self._do("List", lambda: (200, self._listing(query)))
        else:
            key = _key(parts.path)
            found = self.aws.objects.get(key)
            self._do("Get", lambda: (200, found) if found is not None else (404, _error("NoSuchKey", "")))

    def do_PUT(self) -> None:
        body = self._body()
        self.aws.puts.append({name.lower(): value for name, value in self.headers.items()})
        condition = self.headers.get("If-None-Match") == "*"
        self._do("PutNew" if condition else "Put", lambda: self._put(body, condition=condition))

    def do_POST(self) -> None:
        form = parse_qs(self._body().decode())
        action = form.get("Action", ["?"])[0]
        self._do(action, lambda: (200, CREDENTIALS.replace("AssumeRole", action).encode()))

    def _put(self, body: bytes, *, condition: bool) -> tuple[int, bytes]:
        key = _key(urlsplit(self.path).path)
        if condition and self.aws.exists and key in self.aws.objects:
            code = "PreconditionFailed" if self.aws.exists == 412 else "NotModified"
            return self.aws.exists, b"" if self.aws.exists == 304 else _error(code, "")
        if self.headers.get("Content-Encoding") == "aws-chunked" and self.aws.unwraps:
            body = _unwrapped(body)
        elif self.aws.frames:
            body = b"%x\r\n%s\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n" % (len(body), body)
        self.aws.objects[key] = self.aws.changes(body)
        return 200, b""

    def _do(self, operation: str, act: Act) -> None:
        self.aws.seen.append(operation)
        answer = self.aws.answers.get(operation)
        if answer is None:
            self._send(*act())
        elif answer.body is not None:
            self._send(answer.status, answer.body, answer.headers)
        elif operation.startswith("Assume"):
            wrapped = f"<ErrorResponse>{_error_element(*answer[1:4])}</ErrorResponse>"
            self._send(answer.status, wrapped.encode(), answer.headers)
        else:
            self._send(answer.status, _error_element(*answer[1:4]).encode(), answer.headers)

    def _send(self, status: int, body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 304:
            self.wfile.write(body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def _listing(self, query: dict[str, list[str]]) -> bytes:
        prefix = query.get("prefix", [""])[0]
        keys = sorted(key for key in self.aws.objects if key.startswith(prefix))
        items = "".join(f"<Contents><Key>{escape(key)}</Key></Contents>" for key in keys)
        if "delimiter" in query:
            rest = sorted({key[len(prefix) :].partition("/")[0] for key in keys if "/" in key[len(prefix) :]})
            items = "".join(
                f"<CommonPrefixes><Prefix>{prefix}{one}/</Prefix></CommonPrefixes>" for one in rest
            )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{items}</ListBucketResult>".encode()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def _key(path: str) -> str:
    return unquote(path.lstrip("/").partition("/")[2])


def _unwrapped(framed: bytes) -> bytes:
    body = b""
    while True:
        size, _, framed = framed.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16)
        if not length:
            return body
        body, framed = body + framed[:length], framed[length + 2 :]


def _error_element(code: str, message: str, more: str = "") -> str:
    return f"<Error><Code>{code}</Code><Message>{escape(message)}</Message>{more}</Error>"


def _error(code: str, message: str) -> bytes:
    return _error_element(code, message).encode()


@contextmanager
def fake_aws(certificate: Path | None = None) -> Iterator[FakeAws]:
    """Serve on loopback; with TLS if there is a file of a certificate and its key."""
    aws = FakeAws()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"aws": aws}))
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    aws.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield aws
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
