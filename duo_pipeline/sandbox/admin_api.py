"""An emulated Duo Admin API: one log of version 2, as Duo documents it and its clients expect it.

Where it is not known how Duo behaves, a knob chooses between the possibilities. The emulator shares no code
with the pipeline, so that neither can hide a mistake of the other.
"""

import json
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from itertools import chain, repeat
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from duo_pipeline.sandbox.errors import DuoError
from duo_pipeline.sandbox.faults import faulty
from duo_pipeline.sandbox.knobs import Fault, Knobs
from duo_pipeline.sandbox.log import (
    CREDITS_REMAINING,
    LOG_PATH,
    SUMMARY,
    SUMMARY_PATH,
    AttackedLog,
    Log,
    between,
    moment,
)
from duo_pipeline.sandbox.paging import Pager, query_of, visible
from duo_pipeline.sandbox.signatures import credentials, is_signed

CLOCK_SKEW = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)
REQUESTS_KEPT = 10_000


@dataclass(frozen=True)
class LoggedRequest:
    """A request that the emulator received; status 0 means that the connection was reset."""

    path: str
    params: Mapping[str, str]
    status: int
    at: datetime


class AdminApi:
    """The ASGI app of the emulated Admin API, with control endpoints below /sandbox/.

    Args:
        integration_key: The valid DUO_IKEY.
        secret_key: The valid DUO_SKEY.
        log: The source of the records; may be replaced at any time.
        children: The logs of the child accounts of an MSP's parent account, by account_id; the parent's own
            log is ``log``.
        clock: Returns the server's time, in UTC.
        knobs: The behaviour; if `knobs` is set again, the list of faults begins again.

    Attributes:
        requests: The last 10,000 requests to the Admin API, in the order of their answers.
        statuses: How many requests the Admin API has answered, by HTTP status.
    """

    def __init__(
        self,
        integration_key: str,
        secret_key: str,
        *,
        log: Log,
        children: Mapping[str, Log] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        knobs: Knobs | None = None,
    ) -> None:
        self.integration_key = integration_key
        self.secret_key = secret_key
        self.log = log
        self.children = children or {}
        self.clock = clock
        self.knobs = knobs or Knobs()
        self.requests: deque[LoggedRequest] = deque(maxlen=REQUESTS_KEPT)
        self.statuses: Counter[int] = Counter()
        self._pager = Pager()
        self._last_minute: deque[datetime] = deque(maxlen=REQUESTS_KEPT)
        self._app = Starlette(
            routes=[
                Route("/sandbox/knobs", self._control, methods=["GET", "PUT"]),
                Route("/sandbox/requests", self._get_requests),
                Route("/sandbox/records", self._get_records),
                Route("/{path:path}", self._answer, methods=["GET", "POST", "PUT", "DELETE"]),
            ]
        )

    @property
    def knobs(self) -> Knobs:
        """Return the behaviour of the emulator."""
        return self._knobs

    @knobs.setter
    def knobs(self, knobs: Knobs) -> None:
        self._knobs = knobs
        self._faults: Iterator[Fault | None] = chain.from_iterable(
            chain(repeat(None, fault.after), repeat(fault, fault.times)) for fault in knobs.faults
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve ASGI."""
        await self._app(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        now = self.clock()
        path, body = request.url.path, await request.body()
        response: Response
        try:
            self._authenticate(request, body, now)
            self._count(now)
            answer = {"stat": "OK", "response": self._respond(request, now)}
            # with escapes, as only they can write half a surrogate pair
            text = json.dumps(answer, allow_nan=False, separators=(",", ":"))
            response = Response(text, media_type="application/json")
        except DuoError as error:
            response = error.response()
        response.headers["Date"] = format_datetime(now.astimezone(UTC), usegmt=True)
        fault = next(self._faults, None) if path == LOG_PATH else None
        if fault:
            response = faulty(fault, response)
        self.requests.append(LoggedRequest(path, dict(request.query_params), response.status_code, now))
        self.statuses[response.status_code] += 1
        return response

    def _authenticate(self, request: Request, body: bytes, now: datetime) -> None:
        if request.url.path not in (LOG_PATH, SUMMARY_PATH) or request.method != "GET":
            raise DuoError(40401)
        given = credentials(request)
        if given is None:
            raise DuoError(40101)
        if "date" not in request.headers:
            raise DuoError(40104)
        integration_key, signature = given
        if integration_key != self.integration_key:
            raise DuoError(40102)
        if not is_signed(request, body, self.secret_key, signature):
            raise DuoError(40103)
        try:
            date = parsedate_to_datetime(request.headers["date"])
        except ValueError:
            raise DuoError(40105) from None
        # A date with the zone -0000 is parsed without a zone, and means UTC.
        if abs(date.replace(tzinfo=date.tzinfo or UTC) - now) > CLOCK_SKEW:
            raise DuoError(40105)

    def _count(self, now: datetime) -> None:
        """Count the request, even if it is refused: a retry that comes too early costs quota."""
        while self._last_minute and self._last_minute[0] <= now - MINUTE:
            self._last_minute.popleft()
        allowed = self.knobs.requests_per_minute
        self._last_minute.append(now)
        if allowed is not None and len(self._last_minute) > allowed:
            free = self._last_minute[-allowed] + MINUTE - now
            raise DuoError(
                42901, retry_after=int(free.total_seconds()) + 1 if self.knobs.send_retry_after else None
            )

    def _respond(self, request: Request, now: datetime) -> dict[str, Any]:
        knobs = self.knobs
        params = _single_params(request)
        granted = knobs.grant_read_log if request.url.path == LOG_PATH else knobs.grant_read_information
        if not granted:
            raise DuoError(40301)
        if request.url.path == SUMMARY_PATH:
            return {**SUMMARY, CREDITS_REMAINING: knobs.credits_remaining}
        query = query_of(params, now - timedelta(days=knobs.history_days), knobs)
        items = visible(self._log_of(params), query.mintime, query.maxtime, knobs=knobs, now=now)
        return self._pager.page(items, query, knobs)

    def _log_of(self, params: Mapping[str, str]) -> Log:
        """Return the log that a request asks for, with the attacks of the knobs."""
        log = self._plain_log_of(params)
        return AttackedLog(log, self.knobs.attacks) if self.knobs.attacks else log

    def _plain_log_of(self, params: Mapping[str, str]) -> Log:
        account_id = params.get("account_id")
        if account_id is None or self.knobs.ignore_account_id:
            return self.log
        if account_id not in self.children:
            raise DuoError(40002, "account_id")  # it is not known how the real API refuses an unknown account
        return self.children[account_id]

    async def _control(self, request: Request) -> Response:
        """Return the knobs; PUT replaces all of them, and a knob that is not in its body gets its default."""
        if request.method == "PUT":
            try:
                self.knobs = Knobs(**await request.json())
            except (TypeError, ValueError) as error:
                return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(asdict(self.knobs))

    async def _get_requests(self, request: Request) -> Response:  # noqa: ARG002 - an endpoint
        return JSONResponse({"total": self.statuses.total(), "by_status": self.statuses})

    async def _get_records(self, request: Request) -> Response:
        """Return all records of [mintime, maxtime) in ms, one per line, whether Duo shows them yet or not."""
        start, end = (moment(int(request.query_params[name]) * 1000) for name in ("mintime", "maxtime"))
        lines = [
            json.dumps(placed.written(self.knobs)) + "\n" for placed in between(self._log_of({}), start, end)
        ]
        return Response("".join(lines), media_type="application/x-ndjson")


def _single_params(request: Request) -> dict[str, str]:
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if times > 1:
            raise DuoError(40002, f"{name} was given {times} times")
    return dict(request.query_params)
