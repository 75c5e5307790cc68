"""Simulate failures of Duo and of the network."""

import anyio
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from duo_pipeline.sandbox.errors import DuoError
from duo_pipeline.sandbox.knobs import Fault
from duo_pipeline.sandbox.serving import close_connection, reset_connection


def faulty(fault: Fault, answer: Response) -> Response:
    """Return the response that the client gets instead of the answer."""
    match fault.kind:
        case "429":
            return DuoError(42901, retry_after=fault.retry_after).response()
        case "garbage":
            return PlainTextResponse("upstream connect error")
        case "not_ok":
            return JSONResponse(DuoError(50000).body)
        case "cut":
            return CutResponse(answer)
        case "stall":
            return StalledResponse(answer, fault.seconds)
        case "reset":
            return ResetResponse(status_code=0)
        case status:
            headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            return HTMLResponse(f"<html><body><h1>{status}</h1></body></html>", int(status), headers)


class ResetResponse(Response):
    """Resets the connection instead of an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Reset the connection."""
        reset_connection(scope)


class CutResponse(Response):
    """An answer whose connection is closed in the middle of the body."""

    def __init__(self, whole: Response) -> None:
        super().__init__(whole.body, whole.status_code, whole.headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Send all headers, but only half of the body."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})
        close_connection(scope)


class StalledResponse(Response):
    """An answer that comes late, unless the client disconnects first."""

    def __init__(self, whole: Response, seconds: float) -> None:
        super().__init__(whole.body, whole.status_code, whole.headers)
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait, then answer."""
        with anyio.move_on_after(self.seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        await super().__call__(scope, receive, send)
