"""Hours on their way to S3, a few at a time."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from duo_pipeline.landing.bucket import Bucket, BucketError
from duo_pipeline.landing.feed import Feed, Listing
from duo_pipeline.landing.hour import Landed
from duo_pipeline.landing.hour_queue import AT_ONCE, HourQueue
from duo_pipeline.records import Entry
from tests.landing.test_hour import HOUR, entries
from tests.landing.test_hour import feed as feed
from tests.records import spread

STEP = timedelta(hours=1)
HOURS = [HOUR + STEP * number for number in range(3 * AT_ONCE)]


def told_of(feed: Feed) -> tuple[HourQueue, list[datetime]]:
    told: list[datetime] = []
    return HourQueue(feed, host="h", on_landed=lambda hour, landed: told.append(hour)), told  # noqa: ARG005


def test_hours_are_told_in_their_order_with_what_landed(feed: Feed) -> None:
    told: list[tuple[datetime, Landed]] = []
    with HourQueue(feed, host="h", on_landed=lambda *one: told.append(one)) as queue:
        for number, hour in enumerate(HOURS):
            queue.land(hour, entries(spread(hour, number % 3)))
        queue.finish()
    assert [hour for hour, _ in told] == HOURS
    assert [landed.new_records for _, landed in told] == [number % 3 for number in range(len(HOURS))]
    assert len(feed.bucket.keys("feed/")) == len(HOURS) * 2 // 3


def test_an_error_from_the_entries_lands_nothing_of_its_hour_and_the_others_all(feed: Feed) -> None:
    def broken() -> Iterator[Entry]:
        yield from entries(spread(HOURS[2], 3))
        raise ConnectionError

    queue, told = told_of(feed)
    with queue:
        for hour in HOURS[:2]:
            queue.land(hour, entries(spread(hour, 3)))
        with pytest.raises(ConnectionError):
            queue.land(HOURS[2], broken())
        queue.finish()
    assert told == HOURS[:2]
    assert len(feed.bucket.keys("feed/")) == 2


def test_when_s3_fails_at_an_hour_no_later_one_is_told(feed: Feed) -> None:
    class Broken(Bucket):
        def put_new(self, key: str, body: Any) -> bool:
            if "hour=07" in key:
                raise BucketError("broken")
            return super().put_new(key, body)

    broken = Feed(Broken(feed.bucket._client, feed.bucket.name), feed.prefix, feed.work_prefix, "secops")
    queue, told = told_of(broken)
    with queue:
        with pytest.raises(BucketError):
            for hour in HOURS:
                queue.land(hour, entries(spread(hour, 1)))
        queue.finish()
    assert told == HOURS[:2]


def test_a_day_is_listed_once(feed: Feed) -> None:
    asked: list[str] = []

    class Counting(Bucket):
        def keys(self, prefix: str) -> list[str]:
            asked.append(prefix)
            return super().keys(prefix)

    listing = Listing(Counting(feed.bucket._client, feed.bucket.name), "feed/")
    for hour in HOURS:
        listing.of(hour)
    assert asked == ["feed/dt=2026-11-23/", "feed/dt=2026-11-24/"]


def test_the_journal_is_listed_before_the_feed(feed: Feed) -> None:
    asked: list[str] = []

    class Counting(Bucket):
        def keys(self, prefix: str) -> list[str]:
            asked.append(prefix)
            return super().keys(prefix)

    counting = Feed(Counting(feed.bucket._client, feed.bucket.name), feed.prefix, feed.work_prefix, "secops")
    queue, _ = told_of(counting)
    with queue:
        queue.land(HOUR, [])
    assert asked == ["work/journal/feed/dt=2026-11-23/", "feed/dt=2026-11-23/"]
