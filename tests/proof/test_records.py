"""Records of every shape, through the whole pipeline: each is in the feed once, and reads as Duo sent it."""

import json
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from duo_pipeline.duo.admin_api import AdminApi
from duo_pipeline.duo.host import api_host
from duo_pipeline.duo.telephony_log import TelephonyLog
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.landing.feed import Feed
from duo_pipeline.landing.hour_queue import HourQueue
from duo_pipeline.landing.line import RecordFormat
from duo_pipeline.sandbox.knobs import Knobs
from duo_pipeline.sandbox.log import FixedLog
from tests.conftest import ServedDuo
from tests.records import IKEY, SKEY, settled_hour

HOUR = timedelta(hours=1)
HOURS = 6
START = settled_hour(HOURS + 2)
END = START + HOUR * HOURS
FORMATS: Sequence[RecordFormat] = ("secops", "verbatim")
ADDED = ("host", "eventtype", "timestamp")

TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
MICROSECONDS = st.sampled_from(
    (0, 1, 999, 1000, 1001, 1_800_000_000, 3_599_000_000, 3_599_999_000, 3_599_999_999)
)
OWN_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "credits": JSON | st.sampled_from(("1", "1.0", "abc", "1e999", " 2", "")),
        "phone": JSON,
        "type": JSON,
        "txid": st.none() | st.just(""),
        "host": JSON,
        "eventtype": JSON,
        "timestamp": JSON,
        "duo_sent": JSON,
        "new": JSON,
    },
)
PLAIN = {"context": "authentication", "credits": 1, "phone": "+13125550123", "txid": "t", "type": "sms"}


def offset_form(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")


def z_form(at: datetime) -> str:
    return offset_form(at).replace("+00:00", "Z")


def shortest_form(at: datetime) -> str:
    return at.isoformat()


def local_form(at: datetime) -> str:
    return at.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat(timespec="microseconds")


TS_FORMS = st.sampled_from((offset_form, z_form, shortest_form, local_form))
KNOBS = st.builds(
    Knobs,
    compare=st.sampled_from(("exact", "floored")),
    cursor=st.sampled_from(("string", "list")),
    last_cursor=st.sampled_from(("present", "null", "absent", "unchanged")),
    total=st.sampled_from(("integer", "object", "absent")),
    repeats=st.integers(0, 3),
)


@st.composite
def logs(draw: st.DrawFn, hours: int = HOURS) -> list[dict[str, Any]]:
    """What Duo has: one form of ts, and few ids, so that records share them."""
    form = draw(TS_FORMS)
    records = []
    for _ in range(draw(st.integers(1, 12))):
        at = START + HOUR * draw(st.integers(0, hours - 1)) + timedelta(microseconds=draw(MICROSECONDS))
        records.append(
            {**PLAIN, "telephony_id": draw(st.sampled_from("abcd")), "ts": form(at), **draw(OWN_FIELDS)}
        )
    copies = draw(st.lists(st.sampled_from(records), max_size=3))
    return records + copies


@st.composite
def shown_and_late(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What Duo shows at first, and what it shows later, in the hours that are read and the next hour."""
    whole = draw(logs(HOURS + 1))
    return [record for record in whole if draw(st.booleans())], whole


def paged(knobs: Knobs, records: list[Any], small: bool) -> Knobs:
    """Have pages as small as can be: of one millisecond and id no more than a page holds.

    Beyond, Duo's cursor, which is made of these two, would point to where it has pointed before.
    """
    if not small:
        return knobs
    ties = Counter(
        (datetime.fromisoformat(record["ts"]).replace(microsecond=0), record["telephony_id"])
        for record in records
    )
    return replace(knobs, page_size=max(ties.values()) + knobs.repeats + 1)


def test_each_record_that_duo_shows_stands_in_its_hour_once_as_duo_sent_it(
    duo: ServedDuo, bucket: Bucket
) -> None:
    @settings(
        max_examples=50,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        shown=shown_and_late(),
        knobs=KNOBS,
        small=st.booleans(),
        formats=st.tuples(*[st.sampled_from(FORMATS)] * 3),
    )
    def exact(
        shown: tuple[list[dict[str, Any]], list[dict[str, Any]]],
        knobs: Knobs,
        small: bool,
        formats: tuple[RecordFormat, RecordFormat, RecordFormat],
    ) -> None:
        first, whole = shown
        duo.api.knobs = paged(knobs, whole, small)
        feed = Feed(bucket, f"{uuid.uuid4()}/feed/", f"{uuid.uuid4()}/rest/", "secops")
        for records, record_format in zip((first, whole, whole), formats, strict=True):
            duo.api.log = FixedLog(records)
            land(duo, replace(feed, record_format=record_format))
            assert landed(feed) == once(records)
        assert bucket.keys(f"{feed.work_prefix}rejects/") == []

    exact()


def test_what_no_hour_can_take_is_put_aside_and_keeps_back_nothing_else(
    duo: ServedDuo, bucket: Bucket
) -> None:
    odd = st.sampled_from(
        (None, 5, "text", [1], {}, {"ts": None}, {"ts": "yesterday"}, {"ts": "2026-02-30T00:00:00Z"})
    )

    @settings(
        max_examples=20,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(good=logs(), odd=st.lists(odd, min_size=1, max_size=5), places=st.data(), knobs=KNOBS)
    def exact(good: list[dict[str, Any]], odd: list[Any], places: st.DataObject, knobs: Knobs) -> None:
        duo.api.knobs = knobs
        everything: list[Any] = sorted(good, key=lambda record: datetime.fromisoformat(record["ts"]))
        for one in odd:
            everything.insert(places.draw(st.integers(1, len(everything))), one)
        duo.api.log = FixedLog(everything)
        feed = Feed(bucket, f"{uuid.uuid4()}/feed/", f"{uuid.uuid4()}/rest/", "secops")
        land(duo, feed)
        assert landed(feed) == once(good)
        rejects = [
            json.loads(line)
            for key in bucket.keys(f"{feed.work_prefix}rejects/")
            for line in bucket.lines(key)
        ]
        assert {canonical(one["sent"]) for one in rejects} == {canonical(one) for one in odd}

    exact()


def land(duo: ServedDuo, feed: Feed) -> None:
    api = AdminApi(api_host(duo.url), ikey=IKEY, skey=SKEY, retry_base_seconds=0, retry_attempts=8)
    with HourQueue(feed, host="api-1.duosecurity.com", on_landed=lambda *_: None) as queue:
        for hour, entries in TelephonyLog(api, START, END).hours():
            queue.land(hour, entries)
        queue.finish()


def once(records: list[dict[str, Any]]) -> dict[str, int]:
    """Return each record of the hours that are read, however often Duo has it."""
    return {canonical(record): 1 for record in records if datetime.fromisoformat(record["ts"]) < END}


def landed(feed: Feed) -> Counter[str]:
    """Read the feed as what Duo sent, looking at each line's place on the way."""
    found: Counter[str] = Counter()
    for key in feed.bucket.keys(feed.prefix):
        _, day, hour, _ = key.removeprefix(feed.prefix.partition("/")[0] + "/").split("/")
        records = [as_sent(json.loads(line)) for line in feed.bucket.lines(key)]
        moments = [datetime.fromisoformat(record["ts"]).astimezone(UTC) for record in records]
        assert {f"dt={at:%Y-%m-%d}/hour={at:%H}" for at in moments} == {f"{day}/{hour}"}
        order = [(at, record["telephony_id"]) for at, record in zip(moments, records, strict=True)]
        assert order == sorted(order)
        found.update(map(canonical, records))
    return found


def as_sent(line: dict[str, Any]) -> dict[str, Any]:
    """Undo the line format by the rules of the design, without the project's own code.

    A line in the format `secops` has Duo's instant in `timestamp`; what Duo itself sent under the names that
    the format needs lies in `duo_sent`. Credits are text in it, whether Duo sent a number or text.
    """
    at = datetime.fromisoformat(line["ts"])
    timestamp = line.get("timestamp")
    if not isinstance(timestamp, str) or not timestamp.endswith("Z") or "host" not in line:
        return line
    assert datetime.fromisoformat(timestamp) == at
    own = line.get("duo_sent", {})
    sent = {name: value for name, value in line.items() if name not in (*ADDED, "duo_sent")}
    return {**sent, **own}


def canonical(value: Any) -> str:
    """Write a record so that equal records give equal texts; credits may be a number or a text."""
    if isinstance(value, dict) and isinstance(cost := value.get("credits"), int | float):
        value = {**value, "credits": cost if isinstance(cost, bool) else json.dumps(cost)}
    return json.dumps(value, sort_keys=True)
