"""The whole pipeline, from an emulated Duo into a real S3 server, whatever may happen to it."""

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from duo_pipeline.duo.admin_api import AdminApi
from duo_pipeline.duo.errors import DuoError
from duo_pipeline.duo.host import api_host
from duo_pipeline.duo.telephony_log import TelephonyLog
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.landing.feed import Feed, Listing
from duo_pipeline.landing.hour import HourLanding
from duo_pipeline.landing.hour_queue import HourQueue
from duo_pipeline.landing.keys import journal_prefix, probe_key
from duo_pipeline.landing.line import RecordFormat
from duo_pipeline.sandbox.admin_api import AdminApi as EmulatedDuo
from duo_pipeline.sandbox.knobs import Fault, Knobs
from duo_pipeline.sandbox.log import FixedLog
from duo_pipeline.sandbox.serving import serve
from tests.records import IKEY, SKEY, Sent, sent, settled_hour

HOUR = timedelta(hours=1)
HOURS = 5
EXAMPLES, STEPS = 15, 20
KINDS = ("429", "500", "502", "503", "reset", "cut", "garbage", "not_ok")
FAULTS = st.lists(
    st.builds(Fault, kind=st.sampled_from(KINDS), after=st.integers(0, 3), times=st.integers(1, 4)),
    max_size=3,
)
FORMATS = st.sampled_from(("secops", "verbatim"))
RANGES = st.tuples(st.integers(0, HOURS - 1), st.integers(0, HOURS - 1)).map(sorted)
FORMS = {
    "compare": st.sampled_from(("exact", "floored")),
    "cursor": st.sampled_from(("string", "list")),
    "last_cursor": st.sampled_from(("present", "null", "absent", "unchanged")),
    "total": st.sampled_from(("integer", "object", "absent")),
    "repeats": st.integers(0, 3),
    "page_size": st.sampled_from((None, 3, 7)),
}
# Ties in a millisecond and at an hour's first and last microsecond; elsewhere anywhere.
MICROSECONDS = st.sampled_from((0, 1, 999, 1_000, 1_800_000_000, 1_800_000_001, 3_599_999_000, 3_599_999_999))


class KilledError(Exception):
    """Stands for SIGKILL."""


class Killing(Bucket):
    """A bucket whose user is killed at its n-th write, before the write takes effect or after."""

    def __init__(self, bucket: Bucket, writes: int, *, takes_effect: bool) -> None:
        super().__init__(bucket._client, bucket.name)
        self.writes_left = writes
        self.takes_effect = takes_effect

    def put_new(self, key: str, body: Body) -> bool:
        if key.endswith(probe_key("")):
            return super().put_new(key, body)
        self.writes_left -= 1
        if self.writes_left < 0:
            if self.writes_left == -1 and self.takes_effect:
                super().put_new(key, body)
            raise KilledError
        return super().put_new(key, body)


class Way(RuleBasedStateMachine):
    """Records appear, Duo behaves well or badly, runs come and go: the feed stays exact."""

    bucket: Bucket
    duo: EmulatedDuo
    url: str

    @initialize()
    def begin(self) -> None:
        self.prefix = f"{uuid.uuid4()}/"
        self.read: dict[str, Counter[str]] = {}
        self.start = settled_hour(HOURS + 2)
        self.records: list[Sent] = []
        for hour in range(HOURS):
            self.records += [sent(self.start + HOUR * (hour + share)) for share in (0, 0.3, 0.6)]
        self.duo.knobs = Knobs()
        self.show()

    def show(self) -> None:
        self.duo.log = FixedLog(self.records)

    def feed(self, record_format: RecordFormat = "secops", bucket: Bucket | None = None) -> Feed:
        return Feed(bucket or self.bucket, f"{self.prefix}feed/", f"{self.prefix}work/", record_format)

    def log(self, first: int, last: int) -> TelephonyLog:
        api = AdminApi(
            api_host(self.url),
            ikey=IKEY,
            skey=SKEY,
            retry_base_seconds=0,
            retry_attempts=3,
            sleep=lambda _: None,
        )
        return TelephonyLog(api, self.start + HOUR * first, self.start + HOUR * (last + 1))

    def land(self, feed: Feed, first: int, last: int) -> None:
        log = self.log(first, last)
        with HourQueue(feed, host="api-1.duosecurity.com", on_landed=lambda *_: None) as queue:
            try:
                for hour, entries in log.hours():
                    queue.land(hour, entries)
            finally:
                queue.finish()

    def begun(self, feed: Feed, hour: datetime) -> tuple[HourLanding, list[str], list[str]]:
        """A run over one hour that has read Duo and listed S3, and has written nothing yet."""
        number = (hour - self.start) // HOUR
        landing = HourLanding(feed, hour, host="api-2.duosecurity.com")
        for _, entries in self.log(number, number).hours():
            landing.take(entries)
        journal = Listing(feed.bucket, journal_prefix(feed.work_prefix, feed.prefix)).of(hour)
        return landing, Listing(feed.bucket, feed.prefix).of(hour), journal

    @rule(
        hour=st.integers(0, HOURS - 1),
        microseconds=st.lists(MICROSECONDS, min_size=1, max_size=6),
        extra=st.sampled_from(
            ({}, {"new": {"deep": [None, "é"]}}, {"host": "own.example"}, {"credits": "1"})
        ),
    )
    def records_come_to_be(self, hour: int, microseconds: list[int], extra: dict[str, Any]) -> None:
        for one in microseconds:
            at = self.start + HOUR * hour + timedelta(microseconds=one)
            self.records.append(sent(at, **extra))
        self.show()

    @rule(data=st.data())
    def another_record_differs_in_its_txid_alone(self, data: st.DataObject) -> None:
        self.records.append({**data.draw(st.sampled_from(self.records)), "txid": str(uuid.uuid4())})
        self.show()

    @rule(forms=st.fixed_dictionaries(FORMS))
    def duo_behaves_otherwise(self, forms: dict[str, Any]) -> None:
        self.duo.knobs = replace(self.duo.knobs, **forms)

    @rule(hours=RANGES, record_format=FORMATS, faults=FAULTS)
    def a_run_while_duo_fails(
        self, hours: list[int], record_format: RecordFormat, faults: list[Fault]
    ) -> None:
        self.duo.knobs = replace(self.duo.knobs, faults=tuple(faults))
        with suppress(DuoError):
            self.land(self.feed(record_format), *hours)

    @rule(hours=RANGES, writes=st.integers(0, 6), takes_effect=st.booleans())
    def a_run_that_is_killed(self, hours: list[int], writes: int, takes_effect: bool) -> None:
        killing = Killing(self.bucket, writes, takes_effect=takes_effect)
        with suppress(DuoError, KilledError):
            self.land(self.feed(bucket=killing), *hours)

    @rule(
        hour=st.integers(0, HOURS - 1),
        microseconds=MICROSECONDS,
        kill_first=st.booleans(),
        formats=st.tuples(FORMATS, FORMATS),
    )
    def two_runs_at_once(
        self, hour: int, microseconds: int, kill_first: bool, formats: tuple[RecordFormat, RecordFormat]
    ) -> None:
        """The second sees a record that the first does not; both have listed S3 before either writes."""
        self.duo.knobs = replace(self.duo.knobs, faults=())
        at = self.start + HOUR * hour
        bucket = Killing(self.bucket, 1, takes_effect=False) if kill_first else self.bucket
        first, *seen_by_first = self.begun(self.feed(formats[0], bucket), at)
        self.records.append(sent(at + timedelta(microseconds=microseconds)))
        self.show()
        second, *seen_by_second = self.begun(self.feed(formats[1]), at)
        with suppress(KilledError):
            first.land(*seen_by_first)
        second.land(*seen_by_second)

    @rule()
    def a_clean_run_over_all_hours(self) -> None:
        self.duo.knobs = replace(self.duo.knobs, faults=())
        self.land(self.feed(), 0, HOURS - 1)
        self.read.clear()
        assert self.landed() == Counter(map(canonical, self.records))

    @invariant()
    def nothing_stands_twice_or_was_never_shown(self) -> None:
        if hasattr(self, "records"):
            assert self.landed() <= Counter(map(canonical, self.records))

    def teardown(self) -> None:
        if hasattr(self, "records"):
            self.a_clean_run_over_all_hours()

    def landed(self) -> Counter[str]:
        """Return the records of the feed; objects are read once until a clean run reads all of them again."""
        found: Counter[str] = Counter()
        for key in self.bucket.keys(f"{self.prefix}feed/"):
            self.read[key] = self.read.get(key) or self.records_of(key)
            found += self.read[key]
        return found

    def records_of(self, key: str) -> Counter[str]:
        """Read an object, looking at each line on the way."""
        lines = list(self.bucket.lines(key))
        digest = hashlib.sha256(b"".join(line + b"\n" for line in lines)).hexdigest()
        records = [json.loads(line) for line in lines]
        hours = {record["ts"][:13] for record in records}
        _, day, hour, _ = key.removeprefix(self.prefix).split("/")
        assert hours == {f"{day.removeprefix('dt=')}T{hour.removeprefix('hour=')}"}
        assert key.endswith(f"-{digest[:16]}.ndjson")
        assert records == sorted(records, key=lambda record: (record["ts"], record["telephony_id"]))
        return Counter(canonical(as_sent(record)) for record in records)


def as_sent(line: dict[str, Any]) -> dict[str, Any]:
    """Undo the line format by the rules of the design, without the project's own code."""
    if "timestamp" not in line:
        return line
    own = line.pop("duo_sent", {})
    for name in ("host", "eventtype", "timestamp"):
        del line[name]
    return {**line, **own}


def canonical(record: dict[str, Any]) -> str:
    """Write a record so that equal records give equal texts; credits may be a number or a text."""
    return json.dumps({**record, "credits": str(record["credits"])}, sort_keys=True)


@pytest.fixture
def machine(bucket: Bucket) -> Iterator[type[Way]]:
    duo = EmulatedDuo(IKEY, SKEY, log=FixedLog([]))
    with ExitStack() as stack:
        url = stack.enter_context(serve(duo))
        yield type("WayHere", (Way,), {"bucket": bucket, "duo": duo, "url": url})


def test_the_feed_is_exactly_what_duo_showed_whatever_happens_on_the_way(machine: type[Way]) -> None:
    run_machine(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
