"""A stand-in for Duo that answers by a script, and notes what it said.

It shares no code with the project, so that a misreading there is not repeated here. A `Script` says what is
in the log, and what Duo does wrong when it shows it.
"""

import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Protocol
from urllib.parse import parse_qs, urlsplit

HOUR = timedelta(hours=1)
MOST_REQUESTS = 1_500
"""After this many requests for one script, every answer is a 500."""
HUGE = "7" * 5_000
DEPTH = 1_500

# What is in the log. A record has a readable time. A reject has none, or has content that nobody can write.
Form = Literal[
    "ts",
    "timestamp, no ts",
    "isotimestamp, no ts",
    "timestamp, null ts",
    "timestamp, odd ts",
    "null ts",
    "odd ts",
    "a huge integer",
    "a deep object",
    "no object",
]
RECORDS: tuple[Form, ...] = (
    "ts",
    "timestamp, no ts",
    "isotimestamp, no ts",
    "timestamp, null ts",
    "timestamp, odd ts",
)
REJECTS: tuple[Form, ...] = ("null ts", "odd ts", "a huge integer", "a deep object", "no object")

# What Duo does wrong. The first of each kind is what it does when nothing is wrong.
Totals = Literal[
    "as it is",
    "absent",
    "as text",
    "as an object",
    "of records only",
    "at least",
    "0 on the last page",
    "what is left",
    "of the page",
    "shrinking",
    "too high",
    "too low",
]
Cursors = Literal[
    "with every page",
    "null on the last page",
    "absent on the last page",
    "unchanged on the last page",
    "null early",
    "a circle of two",
    "a circle of three",
    "always another one",
    "an empty page between",
]
Order = Literal[
    "by time", "a record too late", "a record too early", "hours reversed", "pages swapped", "newest first"
]
Repeats = Literal["none", "within a page", "of the page before", "of an older page", "a page four times more"]
Concerns = Literal["queries over several hours", "all queries", "the first query", "the first two queries"]


@dataclass(frozen=True)
class Item:
    """A record of the log, or a reject.

    Attributes:
        number: Tells it from all others.
        hour: The hour of the script in which it is, from 0.
        at: Where in the hour, in microseconds.
        form: How it is written.
    """

    number: int
    hour: int
    at: int
    form: Form = "ts"

    @property
    def is_record(self) -> bool:
        return self.form in RECORDS

    @property
    def id(self) -> str:
        return f"00000000-0000-4000-8000-{self.number:012}"

    def time(self, start: datetime) -> datetime:
        return start + HOUR * self.hour + timedelta(microseconds=self.at)

    def fields(self, start: datetime) -> dict[str, Any]:
        """The fields that a record and a reject that is an object share, with the record's time."""
        at = self.time(start)
        iso = at.isoformat(timespec="microseconds")
        times: dict[Form, dict[str, Any]] = {
            "timestamp, no ts": {"timestamp": int(at.timestamp())},
            "isotimestamp, no ts": {"isotimestamp": iso},
            "timestamp, null ts": {"timestamp": int(at.timestamp()), "ts": None},
            "timestamp, odd ts": {"timestamp": int(at.timestamp()), "ts": "yesterday"},
            "null ts": {"ts": None},
            "odd ts": {"ts": "2026-02-30T25:00:00Z"},
        }
        return {
            "context": "authentication",
            "credits": 1,
            "phone": f"+1555555{self.number:04}",
            "telephony_id": self.id,
            "txid": f"tx-{self.number}",
            "type": "sms",
            **times.get(self.form, {"ts": iso}),
        }

    def text(self, start: datetime) -> str:
        """The item as JSON; Python itself could not write every item."""
        text = json.dumps(self.fields(start))
        match self.form:
            case "a huge integer":
                return f'{text[:-1]}, "new": {HUGE}}}'
            case "a deep object":
                return f'{text[:-1]}, "new": {"[" * DEPTH}{"]" * DEPTH}}}'
            case "no object":
                return json.dumps([self.id])
            case _:
                return text


@dataclass(frozen=True)
class Incident:
    """The first queries that touch an hour come back empty and count 0.

    Attributes:
        hour: The hour.
        queries: How many queries.
        cursor: Whether the empty answer comes with a cursor, which leads to the records.
    """

    hour: int
    queries: int
    cursor: bool = False


@dataclass(frozen=True)
class Script:
    """What is in the log, and what Duo does wrong when it shows it.

    Attributes:
        log: The items of each hour, by time; a reject stands behind a record, and at its time.
        page_size: How many items a page has at most, but rejects stand on the page of their record.
        totals: What `total_objects` says.
        cursors: What `next_offset` says.
        order: In what order the items come.
        repeats: What comes again.
        unshown: An hour that is counted and not shown.
        incident: What happens besides.
        concerns: To which queries it happens; all others are answered well. An incident has its own.
        by: By how much a total is wrong.
        pick: Which page, or which record, it happens to.
    """

    log: tuple[tuple[Item, ...], ...]
    page_size: int = 4
    totals: Totals = "as it is"
    cursors: Cursors = "with every page"
    order: Order = "by time"
    repeats: Repeats = "none"
    unshown: int | None = None
    incident: Incident | None = None
    concerns: Concerns = "all queries"
    by: int = 1
    pick: int = 0

    @property
    def items(self) -> list[Item]:
        return [item for hour in self.log for item in hour]


@dataclass(frozen=True)
class Page:
    """One answer: its items, its text, the count in the text, and the cursor, if there is one."""

    items: tuple[Item, ...] = ()
    texts: tuple[str, ...] = ()
    total: Any = None
    cursor: str | None = None
    cursor_is_absent: bool = False

    @property
    def body(self) -> str:
        metadata: dict[str, Any] = {} if self.cursor_is_absent else {"next_offset": self.cursor}
        if self.total is not None:
            metadata["total_objects"] = self.total
        items = ", ".join(self.texts)
        return f'{{"stat": "OK", "response": {{"items": [{items}], "metadata": {json.dumps(metadata)}}}}}'


@dataclass
class Query:
    """The queries and the answers.

    Attributes:
        hours: The hours of the script that were asked for.
        pages: The pages that were shown.
        cursors: The cursor with which each was asked for.
        there_are: How many different pages there were to show.
    """

    hours: range
    pages: list[Page] = field(default_factory=list)
    cursors: list[str | None] = field(default_factory=list)
    there_are: int = 0

    @property
    def shown(self) -> list[Item]:
        return [item for page in self.pages for item in page.items]


class Answers(Protocol):
    """The answers to one query."""

    there_are: int

    def page(self, cursor: str | None) -> Page | None:
        """Return the page that a cursor leads to, or None if it leads nowhere."""


class Log(Protocol):
    """Something that answers queries."""

    start: datetime

    def answers(self, mintime: int, maxtime: int) -> Answers:
        """Begin to answer a query between two Unix milliseconds, both inclusive."""


@dataclass
class Pages:
    """Pages between which cursors lead."""

    pages: list[Page]
    leads: dict[str | None, int]
    circling: int | None = None

    def __post_init__(self) -> None:
        self.there_are = len(self.pages)
        self._other = 0

    def page(self, cursor: str | None) -> Page | None:
        number = self.leads.get(cursor)
        if number is None and cursor and cursor.startswith("another-"):
            number = self.circling
        if number is None:
            return None
        page = self.pages[number]
        if number == self.circling:
            self._other += 1
            return Page(page.items, page.texts, page.total, f"another-{self._other}")
        return page


class ScriptedLog:
    """Answers by a script whose first hour begins at ``start``."""

    def __init__(self, script: Script, start: datetime) -> None:
        self.script = script
        self.start = start
        self._queries = 0
        self._touched = 0

    def answers(self, mintime: int, maxtime: int) -> Pages:
        """Answer a query, and count it."""
        several, touched = self._several(mintime, maxtime), self._touches_the_incident(mintime, maxtime)
        answers = self.would_answer(mintime, maxtime, several=several)
        self._queries += 1
        self._touched += touched
        return answers

    def would_answer(self, mintime: int, maxtime: int, *, several: bool = False) -> Pages:
        """Answer a query without counting it."""
        script = self.script
        concerned = {
            "queries over several hours": several,
            "all queries": True,
            "the first query": self._queries < 1,
            "the first two queries": self._queries < 2,
        }[script.concerns]
        if not concerned:
            script = Script(script.log, script.page_size, incident=script.incident)
        pages = _pages(script, self.start, mintime, maxtime)
        incident = script.incident
        if incident and self._touched < incident.queries and self._touches_the_incident(mintime, maxtime):
            if not incident.cursor:
                return Pages([Page(total=0)], {None: 0})
            empty = Page(total=0, cursor="later")
            leads: dict[str | None, int] = {cursor: number + 1 for cursor, number in pages.leads.items()}
            circling = None if pages.circling is None else pages.circling + 1
            return Pages([empty, *pages.pages], {**leads, None: 0, "later": 1}, circling)
        return pages

    def _several(self, mintime: int, maxtime: int) -> bool:
        return maxtime - mintime > 3_600_000

    def _touches_the_incident(self, mintime: int, maxtime: int) -> bool:
        incident = self.script.incident
        return incident is not None and incident.hour in hours_of(self.start, mintime, maxtime)


def hours_of(start: datetime, mintime: int, maxtime: int) -> range:
    """Return the hours, from 0, that a query asks for."""
    begin = int(start.timestamp() * 1000)
    return range((mintime - begin) // 3_600_000, -((begin - maxtime) // 3_600_000))


def _pages(script: Script, start: datetime, mintime: int, maxtime: int) -> Pages:
    # a record and the rejects after it stay together: nothing else tells the hour of a reject
    bundles: list[list[Item]] = []
    for item in script.items:
        if not mintime <= item.time(start).timestamp() * 1000 <= maxtime:
            continue
        if item.is_record or not bundles:
            bundles.append([])
        bundles[-1].append(item)
    count, rejects = sum(map(len, bundles)), sum(len(bundle) - 1 for bundle in bundles)
    shown = [bundle for bundle in bundles if bundle[0].hour != script.unshown]
    pages = list(_paged(_ordered(shown, script), script.page_size))
    if script.order == "pages swapped" and len(pages) > 1:
        first = script.pick % (len(pages) - 1)
        pages[first], pages[first + 1] = pages[first + 1], pages[first]
    own_last = [page[-1] if page else None for page in pages]
    pages, own_last = _repeated(pages, own_last, script)
    return _linked(pages, own_last, script, start, count - rejects * (script.totals == "of records only"))


def _ordered(bundles: list[list[Item]], script: Script) -> list[list[Item]]:
    match script.order:
        case "a record too late" if bundles:
            moved = bundles.pop(script.pick % len(bundles))
            later = [n for n, bundle in enumerate(bundles) if bundle[0].hour > moved[0].hour]
            bundles.insert(later[0] + 1 if later else len(bundles), moved)
        case "a record too early" if bundles:
            moved = bundles.pop(script.pick % len(bundles))
            earlier = [n for n, bundle in enumerate(bundles) if bundle[0].hour < moved[0].hour]
            bundles.insert(earlier[-1] if earlier else 0, moved)
        case "hours reversed":
            bundles.sort(key=lambda bundle: (bundle[0].hour, -bundle[0].at))
        case "newest first":
            bundles.reverse()
    return bundles


def _paged(bundles: Iterable[list[Item]], size: int) -> Iterator[list[Item]]:
    page: list[Item] = []
    for bundle in bundles:
        page += bundle
        if len(page) >= size:
            yield page
            page = []
    if page:
        yield page


def _repeated(
    pages: list[list[Item]], own_last: list[Item | None], script: Script
) -> tuple[list[list[Item]], list[Item | None]]:
    back = {"of the page before": 1, "of an older page": 2 + script.pick % 2}.get(script.repeats)
    if script.repeats == "within a page":
        return [[*page, *page[: script.by]] for page in pages], own_last
    if back:
        before = [pages[n - back][-script.by :] if n >= back else [] for n in range(len(pages))]
        return [[*again, *page] for again, page in zip(before, pages, strict=True)], own_last
    if script.repeats == "a page four times more" and pages:
        n = script.pick % len(pages)
        return [*pages[:n], *[pages[n]] * 5, *pages[n + 1 :]], [
            *own_last[:n],
            *[own_last[n]] * 5,
            *own_last[n + 1 :],
        ]
    return pages, own_last


def _linked(
    pages: list[list[Item]], own_last: list[Item | None], script: Script, start: datetime, count: int
) -> Pages:
    """Set the cursor and the count of each page."""
    cursors: list[str | None] = []
    for last in own_last:
        cursor = f"{int(last.time(start).timestamp() * 1000)},{last.id}" if last else None
        cursors.append(f"{cursor},{len(cursors)}" if cursor in cursors else cursor)
    leads: dict[str | None, int] = {None: 0}
    circling: int | None = None
    absent = script.cursors == "absent on the last page"
    match script.cursors:
        case "with every page" if pages:
            pages, cursors = [*pages, []], [*cursors, None]
        case "an empty page between" if pages:
            where = script.pick % len(pages)
            pages = [*pages[:where], [], *pages[where:], []]
            cursors = [*cursors[:where], "nothing-yet", *cursors[where:], None]
        case "null early" if pages:
            until = script.pick % len(pages) + 1
            pages, cursors = pages[:until], [*cursors[: until - 1], None]
        case "a circle of two" | "a circle of three" if pages:
            length = 2 if script.cursors == "a circle of two" else 3
            pages, cursors = pages[:length], [*cursors[: min(length, len(pages)) - 1], "the-first-again"]
            leads["the-first-again"] = 0
        case "unchanged on the last page" if len(pages) > 1:
            cursors[-1] = cursors[-2]
        case "always another one":
            pages, cursors = pages or [[]], cursors or [None]
            circling = len(pages) - 1
        case _:
            cursors[-1:] = [None] if cursors else []
    pages, cursors = pages or [[]], cursors or [None]
    for number, cursor in enumerate(cursors[:-1]):
        leads[cursor] = number + 1
    linked = []
    before: set[Item] = set()
    for number, (page, cursor) in enumerate(zip(pages, cursors, strict=True)):
        is_last = number == len(pages) - 1
        total = _total(script, count, number, is_last, len(before), len(page))
        texts = tuple(item.text(start) for item in page)
        linked.append(Page(tuple(page), texts, total, cursor, absent and is_last))
        before |= set(page)
    return Pages(linked, leads, circling)


def _total(script: Script, count: int, number: int, is_last: bool, before: int, on_page: int) -> Any:
    totals: dict[Totals, Any] = {
        "as it is": count,
        "of records only": count,
        "absent": None,
        "as text": str(count),
        "as an object": {"relation": "eq", "value": count},
        "at least": {"relation": "gte", "value": max(0, count - script.by)},
        "0 on the last page": 0 if is_last else count,
        "what is left": max(0, count - before),
        "of the page": on_page,
        "shrinking": max(0, count - script.by * number),
        "too high": count + script.by,
        "too low": max(0, count - script.by),
    }
    return totals[script.totals]


@dataclass
class Recited:
    """Pages that come one after another, whatever the cursor is."""

    pages: Sequence[Page]
    starts_again: bool = False
    there_are: int = 0
    _asked: int = 0

    def __post_init__(self) -> None:
        self.there_are = len(self.pages)

    def page(self, cursor: str | None) -> Page:
        number = self._asked
        self._asked += 1
        return self.pages[number % len(self.pages) if self.starts_again else min(number, len(self.pages) - 1)]


@dataclass
class RecitedLog:
    """Answers with some pages, whatever the hours of a query are.

    Each query begins with the first page; or, if it plays on, with the page after the last one shown.
    """

    pages: Sequence[Page]
    start: datetime
    starts_again: bool = False
    plays_on: bool = False
    _playing: Recited | None = None

    def answers(self, mintime: int, maxtime: int) -> Recited:
        if self._playing is None or not self.plays_on:
            self._playing = Recited(self.pages, self.starts_again)
        return self._playing


class ScriptedDuo:
    """The server's state: the log that it shows, and the queries and answers so far.

    Attributes:
        log: What it shows.
        queries: What it was asked for that log, and what it said.
        requests: How many requests that were.
    """

    def __init__(self) -> None:
        self.url = ""
        self.play(RecitedLog([Page(total=0)], datetime(2026, 1, 1, tzinfo=UTC)))

    def play(self, log: Log) -> None:
        """Show another log, and forget what was asked."""
        self.log = log
        self.queries: list[Query] = []
        self.requests = 0
        self._answers: Answers | None = None

    def answer(self, parameters: dict[str, str]) -> tuple[int, str]:
        """Return the status and the body."""
        self.requests += 1
        if self.requests > MOST_REQUESTS:
            return 500, '{"stat": "FAIL", "code": 50000, "message": "the script has ended"}'
        cursor = parameters.get("next_offset")
        if cursor is None:
            mintime, maxtime = int(parameters["mintime"]), int(parameters["maxtime"])
            self._answers = self.log.answers(mintime, maxtime)
            hours = hours_of(self.log.start, mintime, maxtime)
            self.queries.append(Query(hours, there_are=self._answers.there_are))
        page = self._answers.page(cursor) if self._answers else None
        if page is None:
            return 400, '{"stat": "FAIL", "code": 40002, "message": "Invalid next_offset"}'
        self.queries[-1].pages.append(page)
        self.queries[-1].cursors.append(cursor)
        return 200, page.body


@contextmanager
def scripted_duo() -> Iterator[ScriptedDuo]:
    """Serve a Duo on a loopback address; it reads no signatures."""
    duo = ScriptedDuo()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            status, text = duo.answer({name: values[0] for name, values in query.items()})
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the base class
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    duo.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield duo
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
