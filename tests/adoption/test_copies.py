"""Tests of taking a feed over, on a real S3 server."""

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from duo_pipeline.adoption import lambda_objects
from duo_pipeline.adoption.copies import Adopted, adopt
from duo_pipeline.landing import keys
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.landing.feed import AdoptedListing, Feed
from duo_pipeline.landing.hour import HourLanding, Landed
from tests.adoption.lambda_files import WAYS, as_the_guide_writes_it, leave, lines, untouched
from tests.landing import stores
from tests.landing.test_hour import HOUR, entries, existing, journal
from tests.landing.test_hour import feed as feed
from tests.records import Sent, sent, spread

STEP = timedelta(hours=1)


def adopt_all(feed: Feed) -> list[Adopted]:
    return list(adopt(feed, lambda_objects.objects(feed.bucket.keys(feed.prefix))))


def land(feed: Feed, records: list[Sent]) -> Landed:
    """Land the records that Duo shows."""
    landing = HourLanding(feed, HOUR, host="api-1.duosecurity.com")
    landing.take(entries(records))
    return landing.land(existing(feed), journal(feed), AdoptedListing(feed).of(HOUR))


def landed_ids(feed: Feed) -> list[str]:
    return [json.loads(line)["telephony_id"] for key in existing(feed) for line in feed.bucket.lines(key)]


def copies(feed: Feed) -> list[str]:
    return feed.bucket.keys(keys.adopted_prefix(feed.work_prefix, feed.prefix))


@pytest.mark.parametrize("record_format", ["secops", "verbatim"])
@pytest.mark.parametrize("way", WAYS)
def test_adopted_records_count_as_landed_in_every_known_variant(
    feed: Feed, way: Callable[[Sent], Sent], record_format: Any
) -> None:
    feed = replace(feed, record_format=record_format)
    records = spread(HOUR, 20)
    leave(feed.bucket, "telephony_1.json", lines(map(way, records[:7] + records[8:])), feed.prefix)
    adopt_all(feed)
    landed = land(feed, records)
    assert (landed.records, landed.new_records) == (20, 1)
    assert landed_ids(feed) == [records[7]["telephony_id"]]
    assert [feed.bucket.uri(key) for key in existing(feed)] == landed.objects
    assert land(feed, records).new_records == 0


def test_a_record_that_duo_has_changed_since_then_lands_as_a_new_one(feed: Feed) -> None:
    record = sent(HOUR)
    leave(feed.bucket, "telephony_1.json", lines([record]), feed.prefix)
    adopt_all(feed)
    assert land(feed, [{**record, "credits": 2}, {**record, "txid": "another"}]).new_records == 2


def test_an_object_of_several_hours_is_split_by_hour(feed: Feed) -> None:
    records = spread(HOUR, 30, hours=3)
    leave(feed.bucket, "telephony_1.json", lines(reversed(records)), feed.prefix)
    (adopted,) = adopt_all(feed)
    assert adopted.hours == [HOUR, HOUR + STEP, HOUR + 2 * STEP]
    assert (adopted.records, adopted.doubled, adopted.unreadable, adopted.new_copies) == (30, 0, 0, 3)
    assert len(copies(feed)) == 3
    assert land(feed, [record for record in records if record["ts"][11:13] == "05"]).new_records == 0


def test_a_record_that_is_repeated_within_or_between_objects_counts_once(feed: Feed) -> None:
    one, other, lost = spread(HOUR, 3)
    leave(feed.bucket, "telephony_1.json", lines([one, other, one]), feed.prefix)
    leave(feed.bucket, "telephony_2.json", lines([other]), feed.prefix)
    first, second = adopt_all(feed)
    assert (first.records, first.doubled) == (2, 1)
    assert (second.records, second.doubled) == (1, 0)
    land(feed, [one, other, lost])
    assert landed_ids(feed) == [lost["telephony_id"]]


def test_unreadable_values_are_reported_with_their_places_and_not_changed(feed: Feed) -> None:
    record = sent(HOUR)
    body = b"\n".join([lines([record]), b"{cut", b"3", b'{"ts": "yesterday"}', b'{"timestamp": []}'])
    body += b'\n{"ts": "2026-11-23T05:00:01Z", "n": NaN}\n[{}]'
    key = leave(feed.bucket, "telephony_1.json", body, feed.prefix)
    before = untouched(feed.bucket, [key])
    (adopted,) = adopt_all(feed)
    assert (adopted.records, adopted.unreadable) == (1, 6)
    uri = feed.bucket.uri(key)
    assert adopted.unreadable_at == [
        (f"{uri}:2", "it is not a JSON object"),
        (f"{uri}:3", "it is not a JSON object"),
        (f"{uri}:4", "its ts is not an ISO 8601 instant"),
        (f"{uri}:5", "it has no ts"),
        (f"{uri}:6", "it contains a number that JSON cannot represent"),
        (f"{uri}:7[0]", "it has no ts"),
    ]
    assert untouched(feed.bucket, [key]) == before
    assert land(feed, [record]).new_records == 0


def test_adopting_again_writes_only_what_is_new(feed: Feed) -> None:
    records = spread(HOUR, 4)
    leave(feed.bucket, "telephony_1.json", lines(records[:2]), feed.prefix)
    adopt_all(feed)
    (first,) = copies(feed)
    before = untouched(feed.bucket, [first])
    leave(feed.bucket, "telephony_2.json", lines(records[2:3]), feed.prefix)
    assert [one.new_copies for one in adopt_all(feed)] == [0, 1]
    assert len(copies(feed)) == 2
    assert untouched(feed.bucket, [first]) == before
    assert land(feed, records).new_records == 1


class Killed(Bucket):
    """A bucket whose user is killed after a number of writes."""

    def __init__(self, bucket: Bucket, writes: int) -> None:
        super().__init__(bucket._client, bucket.name)
        self.writes_left = writes

    def put_new(self, key: str, body: Body) -> bool:
        self.writes_left -= 1
        if self.writes_left < 0:
            raise KeyboardInterrupt
        return super().put_new(key, body)


def test_after_an_interruption_at_any_write_the_next_adoption_completes_it(feed: Feed) -> None:
    records = spread(HOUR, 40, hours=4)
    for number in range(4):
        leave(
            feed.bucket,
            f"telephony_{number}.json",
            lines(records[number * 10 : number * 10 + 12]),
            feed.prefix,
        )
    for writes in range(5):
        with pytest.raises(KeyboardInterrupt):
            adopt_all(replace(feed, bucket=Killed(feed.bucket, 1)))
        assert len(copies(feed)) == writes + 1
    adopt_all(feed)
    assert land(feed, [record for record in records if record["ts"][11:13] == "05"]).new_records == 0


def test_a_new_feed_costs_one_request_and_each_adopted_day_one_more(feed: Feed) -> None:
    listed = stores.requests_of(feed.bucket, "ListObjectsV2")

    def adopted_objects() -> list[int]:
        listed.clear()
        listing = AdoptedListing(feed)
        return [len(listing.of(HOUR + STEP * number)) for number in range(72)]

    assert adopted_objects() == [0] * 72
    assert listed == ["work/adopted/feed/"]
    leave(feed.bucket, "telephony_1.json", lines([sent(HOUR + STEP), sent(HOUR + 50 * STEP)]), feed.prefix)
    adopt_all(feed)
    found = adopted_objects()
    assert [number for number, count in enumerate(found) if count] == [1, 50]
    assert listed == [
        "work/adopted/feed/",
        "work/adopted/feed/dt=2026-11-23/",
        "work/adopted/feed/dt=2026-11-25/",
    ]


def test_two_feeds_with_the_same_work_prefix_are_adopted_separately(feed: Feed) -> None:
    record = sent(HOUR)
    leave(feed.bucket, "telephony_1.json", lines([record]), feed.prefix)
    adopt_all(feed)
    assert land(replace(feed, prefix="other/"), [record]).new_records == 1


def test_a_large_object_needs_no_more_memory_than_a_small_one(feed: Feed) -> None:
    def peak(count: int) -> int:
        key = leave(
            feed.bucket,
            f"telephony_{count}.json",
            lines(map(as_the_guide_writes_it, spread(HOUR, count))),
            feed.prefix,
        )
        tracemalloc.start()
        (adopted,) = adopt(feed, [key])
        assert adopted.records == count
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(10)
    assert peak(30_000) < 2 * peak(10_000)
