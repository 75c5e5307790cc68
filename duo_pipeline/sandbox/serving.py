"""An ASGI app served by uvicorn from a thread of this process."""

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

START_SECONDS = 10
STOP_SECONDS = 10


class _Protocol(H11Protocol):
    """uvicorn's protocol, with the connection's transport in the request's scope, for faults below HTTP."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def reset_connection(scope: Scope) -> None:
    """Reset the request's TCP connection: the client sees an RST in place of an answer."""
    transport: asyncio.Transport = scope["state"]["transport"]
    # A linger time of zero makes close() send RST; abort() alone would send FIN.
    transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
    transport.abort()


def close_connection(scope: Scope) -> None:
    """Close the request's TCP connection once what was sent has left."""
    transport: asyncio.Transport = scope["state"]["transport"]
    transport.close()


@contextmanager
def serve(app: ASGIApp) -> Iterator[str]:
    """Serve the app on a free port of 127.0.0.1 while the context lasts, and give its URL.

    The Date header is the app's to send, since uvicorn's knows no clock but the machine's.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        http=_Protocol,
        loop="asyncio",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        date_header=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="sandbox-server", daemon=True)
    thread.start()
    try:
        _wait_until_started(server, thread)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(STOP_SECONDS)


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("The sandbox's HTTP server did not start")
        time.sleep(0.01)
