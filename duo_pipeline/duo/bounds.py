"""Limit the time and the size of one whole answer: status line, headers and body.

The timeouts of `requests` limit only the silence between two pieces. A server that sends a byte now and then
could hold a run for hours.
"""

import http.client
import io
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import requests
from requests.adapters import HTTPAdapter

ANSWER_SECONDS = 180.0
"""How long one answer may take."""
ANSWER_BYTES = 128 << 20
"""How large the body of one answer may be, unpacked. A page of 1,000 records has about 300 kB."""
_PIECE = 1 << 16


class AnswerTooSlow(TimeoutError):
    """An answer is not complete in time."""


class AnswerTooLarge(ValueError):
    """The body of an answer has more than `ANSWER_BYTES`."""


class BoundedAdapter(HTTPAdapter):
    """Sends requests like its base class; an answer that takes too long raises `AnswerTooSlow`.

    `requests` and urllib3 raise errors of their own, with `AnswerTooSlow` among the causes.

    Args:
        monotonic: Returns the seconds of a clock that never jumps.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._answer = partial(_Answer, monotonic)
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as in requests
        """Return the pool that `requests` asks for; the answers on its connections are bounded."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if pool.ConnectionCls.response_class is not self._answer:
            pool.ConnectionCls = type("Bounded", (pool.ConnectionCls,), {"response_class": self._answer})
        return pool


def bounded_session(monotonic: Callable[[], float] = time.monotonic) -> requests.Session:
    """Return a session whose answers are bounded; `monotonic` is the clock of `BoundedAdapter`."""
    session = requests.Session()
    session.mount("https://", BoundedAdapter(monotonic))
    session.mount("http://", BoundedAdapter(monotonic))
    return session


def pieces(response: requests.Response) -> Iterator[bytes]:
    """Yield the unpacked body of an answer.

    Raises:
        AnswerTooLarge: The body is larger than `ANSWER_BYTES`.
    """
    size = 0
    while piece := response.raw.read1(_PIECE, decode_content=True):
        size += len(piece)
        if size > ANSWER_BYTES:
            raise AnswerTooLarge
        yield piece


class _Answer(http.client.HTTPResponse):
    def __init__(
        self, monotonic: Callable[[], float], sock: socket.socket, method: str | None = None
    ) -> None:
        super().__init__(sock, method=method)
        self.fp.close()
        self.fp = io.BufferedReader(_UntilDeadline(sock, monotonic))


class _UntilDeadline(io.RawIOBase):
    """Reads from a socket until the deadline."""

    def __init__(self, sock: socket.socket, monotonic: Callable[[], float]) -> None:
        self._file = sock.makefile("rb", buffering=0)
        self._monotonic = monotonic
        self._deadline = monotonic() + ANSWER_SECONDS

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        if self._monotonic() > self._deadline:
            raise AnswerTooSlow
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()
