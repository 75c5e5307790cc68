"""An answer is bounded in time and in size. The server is a real one on a socket."""

import gzip
import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from duo_pipeline.duo.admin_api import AdminApi
from duo_pipeline.duo.bounds import ANSWER_BYTES, ANSWER_SECONDS, bounded_session
from duo_pipeline.duo.errors import DuoRefusal, DuoUnavailable
from duo_pipeline.duo.host import api_host
from tests.records import IKEY, SKEY

HEADERS = b"HTTP/1.1 200 OK\r\n\r\n"


@contextmanager
def serving(sent: Iterator[bytes]) -> Iterator[str]:
    """Serve one connection: send the pieces one at a time, until the last or until the client has gone."""

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.recv(1 << 16)
            try:
                for piece in sent:
                    connection.sendall(piece)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


def api(url: str, seconds_a_look: float = 0.0) -> AdminApi:
    """Return a client whose clock advances each time that it is read."""
    clock = itertools.count(0.0, seconds_a_look)
    session = bounded_session(lambda: next(clock))
    return AdminApi(
        api_host(url), ikey=IKEY, skey=SKEY, retry_base_seconds=0, retry_attempts=1, session=session
    )


@pytest.mark.parametrize(
    "start", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", HEADERS], ids=["status line", "headers", "body"]
)
def test_an_answer_that_never_ends_is_given_up(start: bytes) -> None:
    slow = itertools.chain([start], itertools.repeat(b"a", 60_000))
    words = f"not complete after {ANSWER_SECONDS:.0f} s"
    with serving(slow) as url, pytest.raises(DuoUnavailable, match=words):
        api(url, seconds_a_look=1.0).get("/", {})


def test_an_answer_in_time_is_read_whole() -> None:
    with serving(iter([HEADERS, b'{"stat": "OK", ', b'"response": {"items": []}}'])) as url:
        assert api(url, seconds_a_look=1.0).get("/", {}) == {"items": []}


@pytest.mark.parametrize("packed", [False, True])
def test_a_body_that_is_too_large_is_not_read_to_its_end(packed: bool) -> None:
    whole = b"0" * (ANSWER_BYTES + 1)
    sent = [b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", gzip.compress(whole, 1)]
    sent = sent if packed else [HEADERS, whole]
    with serving(iter(sent)) as url, pytest.raises(DuoRefusal, match="larger than 128 MiB"):
        api(url).get("/", {})
