"""An emulated Google SecOps: the paths of its API that the pipeline asks, in Google's own message types.

A knob chooses what is not known of the real one. It shares no code with the pipeline, so that neither can
hide a mistake of the other.
"""

import base64
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from typing import Any

from google.cloud import chronicle_v1
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from duo_pipeline.sandbox.secops import parser
from duo_pipeline.sandbox.secops.ingestion import FeedTransfers, Ingestion
from duo_pipeline.sandbox.secops.knobs import Fault, Knobs
from duo_pipeline.sandbox.secops.store import Store
from duo_pipeline.sandbox.secops.yaral import QueryError, compile_query

PROJECT, LOCATION, INSTANCE = "sandbox-project", "us", "00000000-0000-0000-0000-000000000000"
PARSER_TEXT = "filter { a model of Google's parser of 2023-08-24 }"
CUSTOM_TEXT = "filter { a customer's parser }"
EXTENSION_TEXT = "filter { a customer's extension }"
LONGEST_WINDOW = timedelta(days=90)
MOST_LOGS = 1_000
REQUESTS_KEPT = 10_000
STATUSES = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}
SETTINGS = ("amazonS3V2Settings", "amazonS3Settings")


class Refusal(Exception):
    """An answer that is not a success: an HTTP status and Google's words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    def response(self) -> JSONResponse:
        """Return the answer as Google sends it."""
        status = STATUSES.get(self.status, "UNAVAILABLE" if self.status == 503 else "INTERNAL")
        return JSONResponse(
            {"error": {"code": self.status, "message": str(self), "status": status}}, self.status
        )


class SecOpsApi:
    """The ASGI app of the emulated SecOps, with control endpoints below /sandbox/.

    Args:
        store: The buckets from which feeds transfer objects.
        clock: Returns the time, in UTC.
        knobs: The behaviour; what was due before is transferred before a new one takes effect.

    Attributes:
        requests: The methods and paths of the last 10,000 requests, in the order of their answers.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        knobs: Knobs | None = None,
    ) -> None:
        self.clock = clock
        self.requests: deque[str] = deque(maxlen=REQUESTS_KEPT)
        self._lock = threading.RLock()
        self._ingestion = Ingestion(store)
        self._feeds: dict[str, dict[str, Any]] = {}
        self._transfers: dict[str, FeedTransfers] = {}
        self._knobs = knobs or Knobs()
        self._faults = _each(self._knobs.faults)
        v1, v1alpha = f"/v1/{self.name}", f"/v1alpha/{self.name}/logTypes/{parser.LOG_TYPE}"
        self._app = Starlette(
            routes=[
                Route("/sandbox/knobs", self._control, methods=["GET", "PUT"]),
                self._route(
                    "POST", f"{v1}/dashboardQueries:execute", "dashboardQueries.execute", self._query
                ),
                self._route("GET", f"{v1}/feeds", "feeds.list", self._list_feeds),
                self._route("POST", f"{v1}/feeds", "feeds.create", self._create_feed),
                self._route("PATCH", f"{v1}/feeds/{{feed}}", "feeds.update", self._update_feed),
                self._route("GET", f"{v1alpha}/parsers", "parsers.list", self._list_parsers),
                self._route("GET", f"{v1alpha}/parserExtensions", "parserExtensions.list", self._extensions),
                self._route("POST", f"{v1alpha}:runParser", "parsers.runParser", self._run_parser),
                Route("/{path:path}", self._nothing, methods=["GET", "POST", "PATCH", "DELETE"]),
            ]
        )

    @property
    def name(self) -> str:
        """Return the resource name of the instance."""
        return f"projects/{PROJECT}/locations/{LOCATION}/instances/{INSTANCE}"

    @property
    def knobs(self) -> Knobs:
        """Return the behaviour."""
        return self._knobs

    @knobs.setter
    def knobs(self, knobs: Knobs) -> None:
        with self._lock:
            self._transfer()
            resumes = knobs.feed == "active" != self._knobs.feed
            self._knobs = knobs
            self._faults = _each(knobs.faults)
            if resumes:
                for feed in self._transfers.values():
                    feed.since = self.clock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve ASGI."""
        await self._app(scope, receive, send)

    def add_feed(self, uri: str, *, since: datetime | None = None, **details: Any) -> str:  # noqa: ANN401 - any JSON
        """Create a feed that reads a prefix, and return its id; ``details`` change its settings."""
        settings = {
            "s3Uri": uri,
            "sourceDeletionOption": "NEVER",
            "maxLookbackDays": 180,
            "authentication": {"awsIamRoleAuth": {"awsIamRoleArn": "arn:aws:iam::123456789012:role/reader"}},
            **details,
        }
        body = {
            "displayName": f"{parser.FEED_NAME} {len(self._feeds) + 1}",
            "details": {
                "feedSourceType": "AMAZON_S3_V2",
                "logType": f"{self.name}/logTypes/{parser.LOG_TYPE}",
                "amazonS3V2Settings": settings,
            },
        }
        return self._add(body, since or self.clock())

    def events(self) -> Sequence[Mapping[str, Any]]:
        """Return every event that was ingested, by the names of YARA-L, however old its count is."""
        with self._lock:
            self._transfer()
            return [row.fields for row in self._ingestion.events]

    def _route(self, method: str, path: str, right: str, answer: Callable[..., Any]) -> Route:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            response: Response
            try:
                with self._lock:
                    if fault := next(self._faults, None):
                        raise Refusal(fault.status, "The service is not available now.")
                    if f"chronicle.{right}" in self.knobs.refused_rights:
                        raise Refusal(
                            403,
                            f"Permission 'chronicle.{right}' denied on resource '{self.name}' (or it may not"
                            " exist).",
                        )
                    self._transfer()
                    response = JSONResponse(answer(request, json.loads(body or b"{}")))
            except Refusal as refusal:
                response = refusal.response()
            self.requests.append(f"{request.method} {request.url.path}")
            return response

        return Route(path, endpoint, methods=[method])

    def _transfer(self) -> None:
        for feed in self._transfers.values():
            self._ingestion.transfer(feed, self.knobs, self.clock())

    def _query(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        asked = _message(chronicle_v1.ExecuteDashboardQueryRequest, body)
        window = asked.query.input.time_window
        start, end = (getattr(window, side).ToDatetime(UTC) for side in ("start_time", "end_time"))
        if not start < end:
            raise Refusal(400, "The time window is not valid.")
        try:
            query = compile_query(asked.query.query)
        except QueryError as error:
            raise Refusal(400, f"compilation error: {error}") from None
        if query.source == "udm" and end - start > LONGEST_WINDOW:
            raise Refusal(400, "The time window is longer than 90 days.")
        rows = self._ingestion.events if query.source == "udm" else self._ingestion.metrics
        counted = self.clock() - timedelta(minutes=self.knobs.indexing_minutes)
        names, cells = query.run(
            row.fields for row in rows if start <= row.at < end and row.ingested <= counted
        )
        return _answer(
            request,
            chronicle_v1.ExecuteDashboardQueryResponse,
            {
                "results": [
                    {"column": name, "values": [{"value": _cell(row[number])} for row in cells]}
                    for number, name in enumerate(names)
                ],
                "dataSources": ["UDM" if query.source == "udm" else "INGESTION_METRICS"],
                "timeWindow": body["query"]["input"]["timeWindow"],
            },
        )

    def _list_feeds(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - as the others
        feeds = [self._feed(id_) for id_ in self._feeds]
        return _answer(request, chronicle_v1.ListFeedsResponse, {"feeds": feeds})

    def _create_feed(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        _message(chronicle_v1.Feed, body)
        return _answer(request, chronicle_v1.Feed, self._feed(self._add(body, self.clock())))

    def _update_feed(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        id_ = str(request.path_params["feed"])
        if id_ not in self._feeds:
            raise Refusal(404, f"There is no feed {id_}.")
        _message(chronicle_v1.Feed, body)
        if request.query_params.get("updateMask") == "details":
            self._feeds[id_]["details"] = _without_enums(chronicle_v1.Feed, body)["details"]
            self._transfers[id_].uri = _uri(self._feeds[id_])
        return _answer(request, chronicle_v1.Feed, self._feed(id_))

    def _add(self, body: dict[str, Any], since: datetime) -> str:
        body = _without_enums(chronicle_v1.Feed, body)
        if any(one["displayName"] == body["displayName"] for one in self._feeds.values()):
            raise Refusal(409, "A feed with this display name exists.")
        id_ = f"{len(self._feeds) + 1:032x}"
        self._feeds[id_] = body
        log_type = body["details"]["logType"].rpartition("/")[2]
        self._transfers[id_] = FeedTransfers(_uri(body), log_type, since)
        return id_

    def _feed(self, id_: str) -> dict[str, Any]:
        transfers, feed = self._transfers[id_], dict(self._feeds[id_])
        feed |= {"name": f"{self.name}/feeds/{id_}", "uid": id_}
        feed["state"] = "SUCCEEDED" if transfers.last_success else "ACTIVE"
        if transfers.last_success:
            feed["lastFeedInitiationTime"] = transfers.last_success.isoformat().replace("+00:00", "Z")
        if self.knobs.feed == "disabled":
            feed["state"] = "INACTIVE"
        if self.knobs.feed == "failed":
            feed["state"] = "FAILED"
            feed["failureMsg"] = "The transfer failed."
            feed["failureDetails"] = {
                "errorCode": "ACCESS_DENIED",
                "httpErrorCode": 403,
                "errorCause": "The credentials of the feed may not read the bucket.",
                "errorAction": "Give the role of the feed s3:ListBucket and s3:GetObject.",
            }
        return feed

    def _list_parsers(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - as the others
        path = f"{self.name}/logTypes/{parser.LOG_TYPE}/parsers"
        googles = {
            "name": f"{path}/00000000-0000-0000-0000-000000000001",
            "creator": {"source": "GOOGLE"},
            "type": "PREBUILT",
            "state": "INACTIVE" if self.knobs.custom_parser else "ACTIVE",
            "cbn": _base64(PARSER_TEXT),
        }
        custom = {
            "name": f"{path}/00000000-0000-0000-0000-000000000002",
            "creator": {"source": "CUSTOMER", "author": "someone@example.com"},
            "type": "CUSTOM",
            "state": "ACTIVE",
            "cbn": _base64(CUSTOM_TEXT),
        }
        found = [googles, *([custom] if self.knobs.custom_parser else [])]
        if request.query_params.get("filter") == "STATE=ACTIVE":
            found = [one for one in found if one["state"] == "ACTIVE"]
        return {"parsers": found}

    def _extensions(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - as the others
        if not self.knobs.extension:
            return {}
        path = f"{self.name}/logTypes/{parser.LOG_TYPE}/parserExtensions"
        live = {"name": f"{path}/1", "state": "LIVE", "cbnSnippet": _base64(EXTENSION_TEXT)}
        return {"parserExtensions": [live]}

    def _run_parser(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - as the others
        logs = body.get("log") or []
        if not 0 < len(logs) <= MOST_LOGS:
            raise Refusal(400, f"A request has from 1 to {MOST_LOGS} logs.")
        text = CUSTOM_TEXT if self.knobs.custom_parser else PARSER_TEXT
        if body.get("parser", {}).get("cbn") != _base64(text):
            raise Refusal(400, "The parser's text is not one that this emulator can run.")
        return {"runParserResults": [self._parsed(log) for log in logs]}

    def _parsed(self, log: str) -> dict[str, Any]:
        event = parser.run(base64.b64decode(log), self.knobs.parser)
        if event is None:
            return {"errors": {"message": "TAG_MALFORMED_MESSAGE"}}
        # A parser that finds no time gets that of the run.
        event["metadata"].setdefault("eventTimestamp", self.clock().isoformat().replace("+00:00", "Z"))
        return {"parsedEvents": {"events": [{"event": event}]}}

    async def _control(self, request: Request) -> Response:
        if request.method == "PUT":
            try:
                self.knobs = Knobs(**json.loads(await request.body()))
            except (TypeError, ValueError) as error:
                return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(asdict(self.knobs))

    async def _nothing(self, request: Request) -> Response:
        self.requests.append(f"{request.method} {request.url.path}")
        return Refusal(404, f"Requested entity was not found: {request.url.path}").response()


def _each(faults: Sequence[Fault]) -> Iterator[Fault | None]:
    return chain.from_iterable(chain(repeat(None, one.after), repeat(one, one.times)) for one in faults)


def _message(kind: Any, body: dict[str, Any]) -> Any:  # noqa: ANN401 - Google's messages have no types
    """Return Google's native message of a body."""
    try:
        return ParseDict(body, kind.pb(kind()))
    except ParseError as error:
        raise Refusal(400, f"Invalid JSON payload received. {error}") from None


def _answer(request: Request, kind: Any, body: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - as above
    """Return a body as Google's message writes it, with enums as the request wants them."""
    as_integers = request.query_params.get("$alt") == "json;enum-encoding=int"
    answer: dict[str, Any] = MessageToDict(_message(kind, body), use_integers_for_enums=as_integers)
    return answer


def _without_enums(kind: Any, body: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - as above
    """Return a body with the names of its enums, which a client may send as integers."""
    named: dict[str, Any] = MessageToDict(_message(kind, body))
    return named


def _uri(feed: dict[str, Any]) -> str:
    details = feed["details"]
    return next((str(details[name].get("s3Uri", "")) for name in SETTINGS if name in details), "s3:///")


def _cell(value: object) -> dict[str, Any]:
    match value:
        case None:
            return {"nullVal": True}
        case bool():
            return {"boolVal": value}
        case int():
            return {"int64Val": str(value)}
        case float():
            return {"doubleVal": value}
        case _:
            return {"stringVal": str(value)}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
