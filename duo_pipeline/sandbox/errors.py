"""The error answers of the emulated Admin API, as Duo documents them."""

from typing import Any

from starlette.responses import JSONResponse

MESSAGES = {
    40001: "Missing required request parameters",
    40002: "Invalid request parameters",
    40101: "Missing request credentials",
    40102: "Invalid integration key in request credentials",
    40103: "Invalid signature in request credentials",
    40104: "Missing request timestamp",
    40105: "Bad request timestamp",
    40301: "Access forbidden",
    40401: "Resource not found",
    42901: "Too Many Requests",
    50000: "Internal error",
}


class DuoError(Exception):
    """A refusal: a code, whose first three digits are the HTTP status, and a detail."""

    def __init__(self, code: int, detail: str | None = None, *, retry_after: int | None = None) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.retry_after = retry_after

    @property
    def body(self) -> dict[str, Any]:
        """Return the JSON object of Duo's answer."""
        message = MESSAGES[self.code]
        return {"stat": "FAIL", "code": self.code, "message": message, "message_detail": self.detail}

    def response(self) -> JSONResponse:
        """Return the answer as Duo sends it."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return JSONResponse(self.body, self.code // 100, headers)
