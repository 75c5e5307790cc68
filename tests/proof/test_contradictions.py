"""Whatever Duo answers: no hour is green while records of it are missing, and none holds up another.

`Script` (scripted_duo.py) says what a Duo may do wrong. Here stands what has to hold all the same, after each
of three ticks of the hourly schedule:

1. A green hour has each of its records that Duo ever showed or counted.
2. No line stands twice in the feed, and each is a record of its hour.
3. The requests are bounded.
4. What a query over only its hour shows is in the feed after the last tick.
5. A reject's bytes lie below ``rejects/``, and its hour is not green.
6. An hour is green after the last tick if a query over it alone shows it whole and without a contradiction,
   and no query over more hours counts more than they have.

An hour may be green without a record that left no sign: not shown, not counted, and the answer came
to a proper end. CONTRADICTIONS=1000 in the environment tries 1,000 scripts, and shrinks one that fails.
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from pprint import pformat
from typing import Any, get_args

import dagster as dg
import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from duo_pipeline.config.account import DEFAULT_ACCOUNT
from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs import partition_status, resources
from duo_pipeline.defs.checks.evaluations import COMPLETE
from duo_pipeline.defs.partitions import hour_of, key_of
from duo_pipeline.defs.schedules import hourly_schedule
from duo_pipeline.landing.bucket import Bucket
from tests.defs.assets.dagster_run import NDJSON, DagsterRun, failure_of
from tests.proof.scripted_duo import (
    DEPTH,
    HUGE,
    RECORDS,
    REJECTS,
    Concerns,
    Cursors,
    Form,
    Incident,
    Item,
    Log,
    Order,
    Page,
    Query,
    RecitedLog,
    Repeats,
    Script,
    ScriptedDuo,
    ScriptedLog,
    Totals,
    scripted_duo,
)
from tests.proof.turns import InMemory
from tests.records import IKEY, SKEY, settled_hour

HOUR = timedelta(hours=1)
BY_HAND = os.environ.get("CONTRADICTIONS")
EXAMPLES = int(BY_HAND or 80)
TICKS = 3
FEED, WORK = "feed/", "work/"
PAGES_OF_GRACE = 10
"""How many more requests than pages a query may cost."""
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


class OfInstance(dg.ScheduleEvaluationContext):
    """The context of a tick over an instance in memory, which cannot be referred to from outside."""

    def __init__(
        self, instance: dg.DagsterInstance, now: datetime, repository: dg.RepositoryDefinition
    ) -> None:
        super().__init__(None, now, None, None, repository_def=repository)
        self.of = instance

    @property
    def instance(self) -> dg.DagsterInstance:
        return self.of


class Pipeline:
    """The hours of a script, run by the hourly schedule."""

    def __init__(self, instance: dg.DagsterInstance, duo: ScriptedDuo, bucket: Bucket, hours: int) -> None:
        self.start = settled_hour(hours + 1)
        self.hours = [self.start + HOUR * number for number in range(hours)]
        self.duo = duo
        self.bucket = bucket
        self.now = self.hours[-1] + HOUR + timedelta(minutes=5)
        self.dagster = DagsterRun(instance, self.now, self.start)
        asset = self.dagster.ndjson
        job = dg.define_asset_job("telephony", selection=[asset])
        hour_settings = HourSettings(
            start=self.start,
            settle_minutes=5,
            lookback_hours=hours,
            reconcile_hours=hours,
            reconcile_weekly_hours=0,
        )
        self.schedule = hourly_schedule(DEFAULT_ACCOUNT, asset, hour_settings, lambda: self.now)
        self.repository = dg.Definitions(
            assets=[asset],
            jobs=[job],
            schedules=[self.schedule],
            resources=resources.resources_of(DEFAULT_ACCOUNT),
        ).get_repository_def()
        self.said: list[str] = []

    def tick(self) -> Iterator[list[datetime]]:
        """Run what the schedule requests, and return the hours of each run when it has ended."""
        with OfInstance(self.dagster.instance, self.now, self.repository) as context:
            requests = self.schedule.evaluate_tick(context).run_requests or []
        for request in requests:
            keys = [request.tags.get(tag) or str(request.partition_key) for tag in RANGE]
            first, last = map(hour_of, keys)
            result = self.dagster.run(first, last, only=[self.dagster.ndjson])
            if not result.success:
                self.said.append(failure_of(result))
            yield [hour for hour in self.hours if first <= hour <= last]

    def green(self) -> set[int]:
        """The hours that count as done and whose check is not red, from 0."""
        instance, asset = self.dagster.instance, self.dagster.ndjson
        missing = partition_status.missing(instance, asset, self.hours)
        return {number for number, hour in enumerate(self.hours) if hour not in missing}

    def sentence(self, hour: int) -> str:
        """What the hour's check said last, and what was said by the runs that failed."""
        records = self.dagster.instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(NDJSON, COMPLETE), limit=1000
        )
        events = [record.event.dagster_event for record in records if record.event]
        evaluations = [event.event_specific_data for event in events if event]
        said = [
            one.description or ""
            for one in evaluations
            if isinstance(one, dg.AssetCheckEvaluation) and one.partition == key_of(self.hours[hour])
        ]
        return " ".join([*said[:1], *self.said])

    def lines(self) -> list[tuple[int, dict[str, Any]]]:
        """Each line of the feed, with the hour in whose folder it stands, from 0."""
        folders = {f"dt={hour:%Y-%m-%d}/hour={hour:%H}": number for number, hour in enumerate(self.hours)}
        return [
            (folders[key.removeprefix(FEED).rpartition("/")[0]], json.loads(line))
            for key in self.bucket.keys(FEED)
            for line in self.bucket.lines(key)
        ]

    def rejects(self) -> bytes:
        """All that lies below rejects/."""
        keys = self.bucket.keys(f"{WORK}rejects/")
        return b"\n".join(line for key in keys for line in self.bucket.lines(key))


Play = Callable[[int, Callable[[datetime], Log]], Pipeline]


@pytest.fixture(scope="module")
def duo_by_script() -> Iterator[ScriptedDuo]:
    with scripted_duo() as duo:
        yield duo


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance in memory, which is wiped before each script: to make one takes a fifth of a second."""
    with dg.DagsterInstance.ephemeral() as one:
        yield one


@pytest.fixture
def play(duo_by_script: ScriptedDuo, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Play:
    """A way to show this many hours of a log to a pipeline that has seen nothing yet.

    Its bucket is in memory: what Duo says changes what is asked of S3, but not what S3 does.
    """
    for name, value in {
        "DUO_IKEY": IKEY,
        "DUO_SKEY": SKEY,
        "DUO_API_HOST": duo_by_script.url,
        "DUO_RETRY_ATTEMPTS": "1",
        "DUO_RETRY_BASE_SECONDS": "0",
        "S3_BUCKET": InMemory().name,
        "S3_PREFIX": FEED,
        "S3_WORK_PREFIX": WORK,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(resources, "s3_client", lambda _: None)

    def play(hours: int, log: Callable[[datetime], Log]) -> Pipeline:
        instance.wipe()
        bucket = InMemory()
        monkeypatch.setattr(resources, "Bucket", lambda *_: bucket)
        pipeline = Pipeline(instance, duo_by_script, bucket, hours)
        duo_by_script.play(log(pipeline.start))
        return pipeline

    return play


# --- what an answer says of itself


def placed(items: list[Item]) -> set[Item]:
    return {item for item in items if item.is_record}


def count_of(total: Any) -> tuple[int | None, bool]:
    """What a total counts, if anything, and whether it is that exactly."""
    match total:
        case {"value": value, "relation": relation}:
            return int(value), relation == "eq"
        case None:
            return None, False
        case _:
            return int(total), True


def counts_of(query: Query) -> list[int]:
    return [value for page in query.pages if (value := count_of(page.total)[0]) is not None]


def has_all_that_is_counted(query: Query) -> bool:
    exact = all(count_of(page.total)[1] for page in query.pages if page.total is not None)
    return exact and bool(counts_of(query)) and len(placed(query.shown)) == max(counts_of(query))


def has_ended(query: Query) -> bool:
    """Return whether the last page is a proper end: nothing leads on, or all that is counted has come.

    An empty page is none if it has a cursor: why would it lead on?
    """
    if not query.pages:
        return False
    last, sent = query.pages[-1], query.cursors[-1]
    if last.cursor is None or last.cursor == sent:
        return True
    return bool(last.items) and has_all_that_is_counted(query)


def doubts(query: Query) -> list[str]:
    """The reasons why a query may not have shown everything."""
    found = []
    counts, shown = counts_of(query), len(placed(query.shown))
    if not has_ended(query):
        found.append("it did not come to an end")
    if counts and max(counts) > shown:
        found.append(f"{max(counts)} were counted, {shown} came")
    if counts != sorted(counts):
        found.append(f"the count shrank: {counts}")
    if counts and max(counts) < shown and all(count_of(page.total)[1] for page in query.pages):
        found.append(f"{shown} came, and only {max(counts)} were counted")
    # a repeat does not count against the order
    hours = [item.hour for item in dict.fromkeys(query.shown) if item.is_record]
    if hours != sorted(hours):
        found.append(f"the hours came in the order {list(dict.fromkeys(hours))}")
    return found


def read_alone(log: ScriptedLog, hour: int) -> Query:
    """Read one hour as any reader has to: to the first proper end, or the first page with nothing new."""
    begin = int(log.start.timestamp() * 1000) + 3_600_000 * hour
    answers = log.would_answer(begin, begin + 3_600_000)
    query, cursor, new = Query(range(hour, hour + 1)), None, True
    while new and not has_ended(query):
        page = answers.page(cursor)
        assert page is not None
        new = bool({*page.items} - {*query.shown})
        query.pages.append(page)
        query.cursors.append(cursor)
        cursor = page.cursor
    return query


# --- what has to hold


@dataclass
class Tally:
    """How many hours were examined, and how many of them were green because there was no sign."""

    hours: int = 0
    unseeable: int = 0


@dataclass
class Trial:
    """A script that the pipeline reads, and what was wrong."""

    script: Script
    pipeline: Pipeline
    wrong: list[str] = field(default_factory=list)
    unseeable: set[int] = field(default_factory=set)

    def run(self) -> None:
        for tick in range(1, TICKS + 1):
            # nothing can change any more when nothing is requested
            if is_last := not self.tick() or tick == TICKS:
                self.look_at_the_end()
            if self.wrong:
                raise AssertionError(self.report(tick))
            if is_last:
                return

    @property
    def queries(self) -> list[Query]:
        return self.pipeline.duo.queries

    def tick(self) -> bool:
        """Check everything after a tick, and return whether it has run anything."""
        before = first = len(self.queries)
        requests = self.pipeline.duo.requests
        for hours in self.pipeline.tick():
            self.look_at_requests(len(hours), self.queries[before:], self.pipeline.duo.requests - requests)
            before, requests = len(self.queries), self.pipeline.duo.requests
        self.look_at_lines()
        green = self.pipeline.green()
        self.look_at_rejects(green)
        for item in self.script.items:
            if item.is_record and item.hour in green and item.number not in self.landed:
                self.look_at_loss(item)
        return len(self.queries) > first

    def look_at_requests(self, hours: int, queries: list[Query], requests: int) -> None:
        """(3)"""
        if len(queries) > 2 * hours - 1:
            self.wrong.append(f"(3) a run over {hours} hours made {len(queries)} queries")
        for query in queries:
            if len(query.pages) > query.there_are + PAGES_OF_GRACE:
                self.wrong.append(f"(3) {len(query.pages)} requests for {query.there_are} pages")
        if requests > sum(len(query.pages) for query in queries):
            self.wrong.append("(3) a cursor was sent that leads nowhere, or requests had no end")

    def look_at_lines(self) -> None:
        """(2)"""
        self.landed: set[int] = set()
        items = {item.id: item for item in self.script.items if item.is_record}
        for hour, line in self.pipeline.lines():
            item = items.get(line.get("telephony_id", ""))
            if item is None:
                self.wrong.append(f"(2) a line that is not a record: {line}")
                continue
            if item.number in self.landed:
                self.wrong.append(f"(2) record {item.number} stands there twice")
            if hour != item.hour:
                self.wrong.append(f"(2) record {item.number} stands in hour {hour}")
            if not says(line, item, self.pipeline.start):
                self.wrong.append(f"(2) record {item.number} does not read as Duo sent it: {line}")
            self.landed.add(item.number)

    def look_at_loss(self, item: Item) -> None:
        """(1) A record that a green hour lacks."""
        of_the_hour = [query for query in self.queries if item.hour in query.hours]
        if any(item in query.shown for query in of_the_hour):
            self.wrong.append(f"(1) hour {item.hour} is green without record {item.number}, which was shown")
        elif not of_the_hour:
            self.wrong.append(f"(1) hour {item.hour} is green and was never asked for")
        elif why := doubts(of_the_hour[-1]):
            self.wrong.append(f"(1) hour {item.hour} is green without record {item.number}, although {why}")
        else:
            self.unseeable.add(item.hour)

    def look_at_rejects(self, green: set[int]) -> None:
        """(5)"""
        kept = self.pipeline.rejects()
        for item in self.script.items:
            of_the_hour = [query for query in self.queries if item.hour in query.hours]
            if item.is_record or not of_the_hour or item not in of_the_hour[-1].shown:
                continue
            if not keeps(kept, item):
                self.wrong.append(f"(5) reject {item.number} is not kept: {item.form}")
            if item.hour in green:
                self.wrong.append(f"(5) hour {item.hour} is green with a reject: {item.form}")

    def look_at_the_end(self) -> None:
        """(4) and (6)"""
        log, green = self.pipeline.duo.log, self.pipeline.green()
        assert isinstance(log, ScriptedLog)
        for hour in range(len(self.script.log)):
            alone = read_alone(log, hour)
            whole = all(item.is_record and item in alone.shown for item in self.script.log[hour])
            counted_more = self.script.totals == "too high"  # in a query over several hours, perhaps
            answered_well = whole and not doubts(alone) and not rejected(alone) and not counted_more
            if answered_well and hour not in green:
                self.wrong.append(f"(6) hour {hour} is not green, although a query over it is answered well")
            for item in alone.shown:
                lost = item.is_record and item.hour == hour and item.number not in self.landed
                if lost and not (hour in green and hour in self.unseeable):
                    self.wrong.append(f"(4) record {item.number} of hour {hour} is shown and did not land")

    def report(self, tick: int) -> str:
        """Return what was wrong, the whole script, and the queries and answers."""
        lines = [f"After tick {tick}:", *(f"  {one}" for one in dict.fromkeys(self.wrong))]
        lines += [pformat(self.script, width=110), "Queries:"]
        for query in self.queries:
            totals = [page.total for page in query.pages[:20]]
            shown = [[item.number for item in page.items] for page in query.pages[:20]]
            lines.append(
                f"  hours {query.hours}: {len(query.pages)} requests, totals {totals}, items {shown}"
            )
        lines += [f"Green: {self.pipeline.green()}", "The runs that failed:", *self.pipeline.said]
        return "\n".join(lines)


def says(line: Mapping[str, Any], item: Item, start: datetime) -> bool:
    """Return whether a line has what Duo sent; the format adds `timestamp`, and `ts` if Duo sent none."""
    own = ("timestamp",) if item.form == "ts" else ("timestamp", "ts")
    sent = {name: value for name, value in item.fields(start).items() if name not in own}
    return {name: line.get(name) for name in sent} == {**sent, "credits": "1"}


def keeps(kept: bytes, item: Item) -> bool:
    """Return whether the bytes of a reject are in what was kept."""
    odd = {"a huge integer": HUGE, "a deep object": "[" * DEPTH}.get(item.form, "")
    return item.id.encode() in kept and odd.encode() in kept


def rejected(query: Query) -> bool:
    return any(not item.is_record for item in query.shown)


def trial(play: Play, script: Script) -> Trial:
    pipeline = play(len(script.log), lambda start: ScriptedLog(script, start))
    one = Trial(script, pipeline)
    one.run()
    return one


# --- one thing wrong at a time

SECOND = 1_000_000


def hour_with(hour: int, count: int, form: Form = "ts") -> tuple[Item, ...]:
    """An hour with this many records, whose third is odd or has a reject after it."""
    items = [Item(100 * hour + n, hour, (10 + 7 * n) * SECOND + 250_000) for n in range(count)]
    if form in RECORDS:
        items[2:3] = [replace(item, at=24 * SECOND, form=form) for item in items[2:3]]
    elif form in REJECTS:
        items[3:3] = [replace(items[2], number=100 * hour + 99, form=form)]
    return tuple(items)


LOG = (hour_with(0, 5), hour_with(1, 7), (), hour_with(3, 6))
ODD_LOG = (LOG[0], hour_with(1, 7, "null ts"), (), LOG[3][:1])
WRONG: dict[str, Mapping[str, Any]] = {
    "nothing": {},
    **{f"totals {one}": {"totals": one} for one in get_args(Totals)[1:]},
    **{f"cursors {one}": {"cursors": one, "pick": 1} for one in get_args(Cursors)[1:]},
    **{f"cursors {one}, no totals": {"cursors": one, "totals": "absent"} for one in get_args(Cursors)[4:]},
    **{f"order {one}": {"order": one, "pick": 6} for one in get_args(Order)[1:]},
    **{f"repeats {one}": {"repeats": one} for one in get_args(Repeats)[1:]},
    **{f"repeats {one}, no totals": {"repeats": one, "totals": "absent"} for one in get_args(Repeats)[1:]},
    "totals too low, small pages": {"totals": "too low", "by": 3, "page_size": 2},
    "repeats hide a loss": {"repeats": "within a page", "unshown": 1},
    "rejects hide a loss": {"log": ODD_LOG, "totals": "of records only", "unshown": 3},
    "an hour unshown": {"unshown": 1},
    "the last hour unshown": {"unshown": 3},
    "pages of one": {"page_size": 1},
    "an incident": {"incident": Incident(1, 1)},
    "an incident of two queries": {"incident": Incident(1, 2)},
    "an incident with a cursor": {"incident": Incident(1, 1, cursor=True)},
}


@pytest.mark.parametrize("concerns", ["queries over several hours", "all queries"])
@pytest.mark.parametrize("name", WRONG)
def test_one_thing_that_duo_does_wrong(play: Play, name: str, concerns: Concerns) -> None:
    trial(play, Script(**{"log": LOG, "concerns": concerns, **WRONG[name]}))


@pytest.mark.parametrize("form", get_args(Form))
def test_a_record_that_is_written_otherwise_lands_or_is_rejected(play: Play, form: Form) -> None:
    trial(play, Script((LOG[0], hour_with(1, 7, form), (), LOG[3])))


# --- many things wrong at the same time


def usually(first: Any, others: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    return st.one_of(st.just(first), st.just(first), st.sampled_from((first, *others)))


MICROSECONDS = st.one_of(st.just(0), st.integers(0, 3_599_999_999), st.just(3_599_999_999))


@st.composite
def logs(draw: st.DrawFn) -> tuple[tuple[Item, ...], ...]:
    """Three to six hours of up to twelve items each; in half of the logs some of them are odd."""
    forms = usually("ts", get_args(Form)) if draw(st.booleans()) else st.just("ts")
    hours, number = [], 0
    for hour in range(draw(st.integers(3, 6))):
        items: list[Item] = []
        drawn = draw(st.lists(st.tuples(MICROSECONDS, forms), max_size=12))
        for at, form in sorted((at - at % SECOND if "timestamp" in form else at, form) for at, form in drawn):
            if form in REJECTS:  # behind a record, at its time
                form, at = (form, items[-1].at) if items else ("ts", at)
            items.append(Item(number, hour, at, form))
            number += 1
        hours.append(tuple(items))
    return tuple(hours)


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    log = draw(logs())
    hour = st.integers(0, len(log) - 1)
    return Script(
        log,
        page_size=draw(st.integers(1, 10)),
        # without totals it is all up to the cursors
        totals=draw(usually("as it is", (*get_args(Totals), "absent", "absent"))),
        cursors=draw(usually("with every page", get_args(Cursors))),
        order=draw(usually("by time", get_args(Order))),
        repeats=draw(usually("none", get_args(Repeats))),
        unshown=draw(hour) if draw(st.integers(0, 4)) == 4 else None,
        incident=draw(st.builds(Incident, hour, st.integers(1, 3), st.booleans()))
        if draw(st.integers(0, 5)) == 5
        else None,
        concerns=draw(st.sampled_from(get_args(Concerns))),
        by=draw(st.integers(1, 3)),
        pick=draw(st.integers(0, 11)),
    )


def test_many_things_that_duo_does_wrong_at_the_same_time(play: Play) -> None:
    tally = Tally()

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate, Phase.shrink] if BY_HAND else [Phase.generate],
        deadline=None,
        derandomize=True,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(script=scripts())
    def nothing_is_silent(script: Script) -> None:
        one = trial(play, script)
        tally.hours += len(script.log)
        tally.unseeable += len(one.unseeable)
        if one.unseeable:
            event("an hour is green for want of any sign")

    nothing_is_silent()
    assert tally.unseeable * 5 < tally.hours, f"the scripts prove too little: {tally}"


# --- cases that are known


@pytest.fixture(scope="session")
def cases() -> Path:
    """Small examples of Duo's answers that are kept outside the project."""
    folder = Path(__file__).parents[3] / "shared" / "cases"
    if not folder.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"the cases are missing in {folder}")
        pytest.skip("the cases do not lie beside this checkout (../shared/cases)")
    return folder


@pytest.fixture(params=[False, True], ids=["each query from the first page", "one page after the other"])
def plays_on(request: pytest.FixtureRequest) -> bool:
    """Whether a further query is answered with the pages that are left."""
    return bool(request.param)


def recite(play: Play, cases: Path, name: str, *, plays_on: bool) -> Pipeline:
    """Run the hours of a case in each of the ticks."""
    case = json.loads((cases / f"{name}.json").read_text())

    def text(item: dict[str, Any], start: datetime) -> str:
        sent = {name: value for name, value in item.items() if name not in ("at_s", "timestamp_s")}
        if "at_s" in item and "ts" not in item:
            at = item["at_s"]
            sent["ts"] = (
                at and (start + timedelta(seconds=at)).isoformat(timespec="microseconds") if at else None
            )
        if "timestamp_s" in item:
            sent["timestamp"] = int(start.timestamp()) + item["timestamp_s"]
        if "ts" in item:
            sent["ts"] = item["ts"].replace("{hour}", f"{start:%Y-%m-%dT%H}")
        return json.dumps(sent)

    def log(start: datetime) -> RecitedLog:
        pages = [
            Page(
                texts=tuple(text(item, start) for item in page["items"]),
                total=page["metadata"].get("total_objects"),
                cursor=page["metadata"].get("next_offset"),
                cursor_is_absent="next_offset" not in page["metadata"],
            )
            for page in case["pages"]
        ]
        return RecitedLog(
            pages, start, starts_again="the list starts again" in case["expected"], plays_on=plays_on
        )

    pipeline = play(case["hours"], log)
    for _ in range(TICKS):
        list(pipeline.tick())
    landed = names(pipeline)
    assert len(landed) == len({*landed}), "a line stands there twice"
    return pipeline


def names(pipeline: Pipeline) -> list[str]:
    """The txid of each line: h1r0 is the first record of hour 1."""
    found = pipeline.lines()
    assert all(line["txid"].startswith(f"h{hour}") for hour, line in found), "a line stands in a wrong hour"
    return sorted(line["txid"] for _, line in found)


def of(hour: int, count: int) -> list[str]:
    return [f"h{hour}r{n}" for n in range(count)]


def test_case_count_forgotten(play: Play, cases: Path, plays_on: bool) -> None:
    """No hour whose records did not come is green: 1 and 2 fail with both counts; 0 may stay."""
    pipeline = recite(play, cases, "count-forgotten", plays_on=plays_on)
    assert not pipeline.green() & {1, 2}
    for hour in (1, 2):
        assert re.search(r"\b18\b", pipeline.sentence(hour)), pipeline.sentence(hour)
        assert re.search(r"(?<![-:\d])(0|4|10)\b(?![-:])", pipeline.sentence(hour))
    assert names(pipeline) == [*of(0, 6), *of(1, 4)]


def test_case_count_of_what_is_left(play: Play, cases: Path, plays_on: bool) -> None:
    """Red for every hour whose records did not come; 14 land."""
    pipeline = recite(play, cases, "count-of-what-is-left", plays_on=plays_on)
    assert 2 not in pipeline.green()
    assert names(pipeline) == [*of(0, 6), *of(1, 6), *of(2, 2)]


def test_case_cycle_of_two(play: Play, cases: Path, plays_on: bool) -> None:
    """The run ends after a few requests, red, with what came landed."""
    pipeline = recite(play, cases, "cycle-of-two", plays_on=plays_on)
    assert pipeline.duo.requests <= 5 * (2 + PAGES_OF_GRACE)
    assert not pipeline.green()
    assert names(pipeline) == [*of(0, 6), *of(1, 6), *of(2, 6)]


def test_case_no_time(play: Play, cases: Path, plays_on: bool) -> None:
    """What can be placed lands, what cannot is kept with its bytes, and the hour is red with how many."""
    pipeline = recite(play, cases, "no-time", plays_on=plays_on)
    landed, kept = names(pipeline), pipeline.rejects()
    assert {"h0r0", "h0r3"} <= {*landed}
    assert "h0r1" not in landed
    assert b"h0r1" in kept
    assert ("h0r2" in landed) != (b"h0r2" in kept), "a leap second lands or is a reject"
    assert not pipeline.green()
    assert re.search(rf"(?<![-:\d]){4 - len(landed)} [a-z]", pipeline.sentence(0))


def test_case_out_of_order(play: Play, cases: Path, plays_on: bool) -> None:
    """All four land, or all hours of the query fail; 1 is never green without its second record."""
    pipeline = recite(play, cases, "out-of-order", plays_on=plays_on)
    landed, green = names(pipeline), pipeline.green()
    assert landed == [*of(0, 1), *of(1, 2), *of(2, 1)] or not green
    assert 1 not in green or "h1r1" in landed


def test_case_repeats_hide_a_loss(play: Play, cases: Path, plays_on: bool) -> None:
    """Six land once, the hour is red: 6 distinct records of 8."""
    pipeline = recite(play, cases, "repeats-hide-a-loss", plays_on=plays_on)
    assert names(pipeline) == of(0, 6)
    assert not pipeline.green()
