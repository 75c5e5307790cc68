"""Serve an ASGI app with uvicorn, in a thread of this process."""

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
    """Adds the transport of the connection to the scope of the request, for faults below HTTP."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def reset_connection(scope: Scope) -> None:
    """Reset the request's TCP connection, so that the client gets an RST instead of an answer."""
    transport: asyncio.Transport = scope["state"]["transport"]
    # A linger time of zero makes close() send RST; without it, abort() would send FIN.
    transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
    transport.abort()


def close_connection(scope: Scope) -> None:
    """Close the request's TCP connection after the data were sent."""
    transport: asyncio.Transport = scope["state"]["transport"]
    transport.close()


@contextmanager
def serve(app: ASGIApp) -> Iterator[str]:
    """Serve the app on a free port of 127.0.0.1 inside the context, and return its URL.

    The app must send the Date header itself, because uvicorn would use the machine's clock.
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
