"""Tests of landing several hours at the same time."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from duo_pipeline import instants
from duo_pipeline.landing.bucket import Bucket, BucketError
from duo_pipeline.landing.feed import Feed, Listing
from duo_pipeline.landing.hour import Landed
from duo_pipeline.landing.hour_queue import CONCURRENT_HOURS, HourQueue
from duo_pipeline.landing.keys import hour_folder, is_log_key
from duo_pipeline.records import Item, Record
from tests.landing import stores
from tests.landing.test_bucket import body_of
from tests.landing.test_hour import HOUR, entries, ids
from tests.landing.test_hour import feed as feed
from tests.records import Sent, spread

STEP = timedelta(hours=1)
HOURS = [HOUR + STEP * number for number in range(3 * CONCURRENT_HOURS)]


def reported_by(feed: Feed) -> tuple[HourQueue, list[datetime]]:
    reported: list[datetime] = []
    return HourQueue(feed, host="h", on_landed=lambda hour, landed: reported.append(hour)), reported  # noqa: ARG005


def run_over(feed: Feed, hours: list[datetime], records: list[Sent]) -> tuple[HourQueue, list[datetime]]:
    """Land these hours, each with its own records; return the queue and the reported hours."""
    queue, reported = reported_by(feed)
    with queue:
        for hour in hours:
            queue.land(hour, (one for one in entries(records) if is_of(hour, one)))
        queue.finish()
    return queue, reported


def is_of(hour: datetime, entry: Item) -> bool:
    return isinstance(entry, Record) and 0 <= entry.at.ns - instants.to_ns(hour) < instants.HOUR_NS


def test_hours_are_reported_in_order_with_what_landed(feed: Feed) -> None:
    reported: list[tuple[datetime, Landed]] = []
    with HourQueue(feed, host="h", on_landed=lambda *one: reported.append(one)) as queue:
        for number, hour in enumerate(HOURS):
            queue.land(hour, entries(spread(hour, number % 3)))
        queue.finish()
    assert [hour for hour, _ in reported] == HOURS
    assert [landed.new_records for _, landed in reported] == [number % 3 for number in range(len(HOURS))]
    assert len(feed.bucket.keys("feed/")) == len(HOURS) * 2 // 3


def test_an_hour_whose_entries_raise_an_error_does_not_land_and_the_others_do(feed: Feed) -> None:
    def broken() -> Iterator[Item]:
        yield from entries(spread(HOURS[2], 3))
        raise ConnectionError

    queue, reported = reported_by(feed)
    with queue:
        for hour in HOURS[:2]:
            queue.land(hour, entries(spread(hour, 3)))
        with pytest.raises(ConnectionError):
            queue.land(HOURS[2], broken())
        queue.finish()
    assert reported == HOURS[:2]
    assert len(feed.bucket.keys("feed/")) == 2


def test_after_a_failure_of_s3_no_later_hour_is_reported(feed: Feed) -> None:
    class Broken(Bucket):
        def put_new(self, key: str, body: Any) -> bool:
            if "hour=07" in key:
                raise BucketError("broken")
            return super().put_new(key, body)

    broken = Feed(Broken(feed.bucket._client, feed.bucket.name), feed.prefix, feed.work_prefix, "secops")
    queue, reported = reported_by(broken)
    with queue:
        with pytest.raises(BucketError):
            for hour in HOURS:
                queue.land(hour, entries(spread(hour, 1)))
        queue.finish()
    assert reported == HOURS[:2]


def archived(bucket: Bucket, hour: str) -> None:
    stores.refuses(bucket, "GetObject", hour, "InvalidObjectState")


def unreadable(bucket: Bucket, hour: str) -> None:
    stores.refuses(bucket, "GetObject", hour, "AccessDenied")


def unwritable(bucket: Bucket, hour: str) -> None:
    stores.refuses(bucket, "PutObject", hour, "AccessDenied")


def damaged(bucket: Bucket, hour: str) -> None:
    stores.breaks_off(bucket, hour)


def lost_by_the_store(bucket: Bucket, hour: str) -> None:
    stores.refuses(bucket, "GetObject", hour, "InternalError", 500)


@pytest.mark.parametrize("bad", [archived, unreadable, unwritable, damaged, lost_by_the_store])
def test_an_hour_that_s3_refuses_fails_and_the_others_land(feed: Feed, bad: Any) -> None:
    early, late = spread(HOURS[0], 5, hours=5), spread(HOURS[0] + STEP / 2, 5, hours=5)
    hours = HOURS[:6]
    run_over(feed, hours, early)
    bad(feed.bucket, hour_folder(HOURS[2]))
    queue, reported = run_over(feed, hours, [*early, *late])
    assert reported == [hour for hour in hours if hour != HOURS[2]]
    assert list(queue.failed) == [HOURS[2]]
    assert hour_folder(HOURS[2]) in str(queue.failed[HOURS[2]])


@pytest.mark.parametrize("prefix", ["feed/", "work/journal/feed/", "work/adopted/feed/"])
def test_a_day_that_cannot_be_listed_fails_and_the_others_land(feed: Feed, prefix: str) -> None:
    records = spread(HOURS[0], 100, hours=len(HOURS))
    feed.bucket.put("work/adopted/feed/dt=2026-11-24/hour=00/a.ndjson", body_of(b"{}\n"))
    stores.refuses(feed.bucket, "ListObjectsV2", f"{prefix}dt=2026-11-24/", "AccessDenied")
    queue, reported = run_over(feed, HOURS, records)
    assert reported == [hour for hour in HOURS if hour.day == 23]
    assert list(queue.failed) == [hour for hour in HOURS if hour.day == 24]


def test_archived_hours_fail_and_the_others_land_even_if_the_first_are_archived(feed: Feed) -> None:
    records = spread(HOURS[0], 100, hours=len(HOURS))
    run_over(feed, HOURS[:12], records)
    for hour in HOURS[:12]:
        archived(feed.bucket, hour_folder(hour))
    queue, reported = run_over(feed, HOURS, records)
    assert reported == HOURS[12:]
    assert list(queue.failed) == HOURS[:12]


@pytest.mark.parametrize("code", ["AccessDenied", "InternalError", "SomethingNew"])
def test_the_run_ends_when_the_first_three_hours_fail(feed: Feed, code: str) -> None:
    stores.refuses(feed.bucket, "PutObject", "dt=", code)
    queue, reported = reported_by(feed)
    with queue, pytest.raises(BucketError, match=code):
        for hour in HOURS:
            queue.land(hour, entries(spread(hour, 1)))
        queue.finish()
    assert reported == []
    assert list(queue.failed) == HOURS[:3]


@pytest.mark.parametrize("operation", ["PutObject", "ListObjectsV2"])
@pytest.mark.parametrize(
    "code", ["NoSuchBucket", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "SlowDown"]
)
def test_an_error_that_concerns_every_hour_ends_the_run(feed: Feed, operation: str, code: str) -> None:
    stores.refuses(feed.bucket, operation, "dt=2026-11-24", code)
    queue, reported = reported_by(feed)
    with queue:
        with pytest.raises(BucketError, match=code):
            for hour in HOURS:
                queue.land(hour, entries(spread(hour, 1)))
            queue.finish()
        queue.finish()
    assert reported == [hour for hour in HOURS if hour.day == 23]
    assert queue.failed == {}


def test_an_error_reported_while_an_hour_is_read_is_not_blamed_on_that_hour(feed: Feed) -> None:
    stores.refuses(feed.bucket, "PutObject", "dt=", "AccessDenied")
    queue, _ = reported_by(feed)

    def waiting() -> Iterator[Item]:
        queue.finish()
        yield from entries(spread(HOURS[3], 1))

    with queue, pytest.raises(BucketError):
        for hour in HOURS[:3]:
            queue.land(hour, entries(spread(hour, 1)))
        queue.land(HOURS[3], waiting())
    assert HOURS[3] not in queue.failed


FOREIGN = {
    "the mark of a folder": b"",
    "notes": b"buy milk\n",
    "other JSON": b'[1, 2]\n{"ts": 5}\n{"ts": []}\nnull\n"text"\n1e999\n',
    "no text": bytes(range(256)) * 4,
    "a number without end": b'{"ts": "2026-11-23T05:00:00Z", "credits": ' + b"9" * 5000 + b"}\n",
    "half a surrogate pair": b'{"ts": "2026-11-23T05:00:00Z", "telephony_id": "\\ud800", "x": NaN}\n',
    "too deep": b'{"ts": "2026-11-23T05:00:00Z", "x": ' + b"[" * 100_000 + b"\n",
}


@pytest.mark.parametrize("folder", ["feed/", "work/journal/feed/", "work/adopted/feed/"])
@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_foreign_objects_do_not_make_an_hour_fail(feed: Feed, content: bytes, folder: str) -> None:
    records = spread(HOUR, 4)
    run_over(feed, [HOUR], records[:2])
    for name in ("", "0.txt", "zzz"):
        key = f"{folder}{hour_folder(HOUR)}{name}"
        feed.bucket._client.put_object(Bucket=feed.bucket.name, Key=key, Body=content if name else b"")
    queue, reported = run_over(feed, [HOUR], records)
    assert (reported, queue.failed) == ([HOUR], {})
    landed = [key for key in feed.bucket.keys("feed/") if is_log_key("feed/", key)]
    assert sorted(ids(json.loads(line) for key in landed for line in feed.bucket.lines(key))) == sorted(
        ids(records)
    )


def test_a_day_is_listed_once(feed: Feed) -> None:
    listed = stores.requests_of(feed.bucket, "ListObjectsV2")
    listing = Listing(feed.bucket, "feed/")
    for hour in HOURS:
        listing.of(hour)
    assert listed == ["feed/dt=2026-11-23/", "feed/dt=2026-11-24/"]


def test_the_journal_is_listed_before_the_feed(feed: Feed) -> None:
    listed = stores.requests_of(feed.bucket, "ListObjectsV2")
    queue, _ = reported_by(feed)
    with queue:
        queue.land(HOUR, [])
        queue.finish()
    assert [prefix for prefix in listed if "dt=" in prefix] == [
        "work/journal/feed/dt=2026-11-23/",
        "feed/dt=2026-11-23/",
    ]
