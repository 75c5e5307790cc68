"""Tests of stores that ignore If-None-Match: nothing is written to the feed."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from duo_pipeline.landing.body import Body
from duo_pipeline.landing.bucket import Bucket, BucketError
from duo_pipeline.landing.feed import Feed
from duo_pipeline.landing.hour_queue import HourQueue
from tests.landing import stores
from tests.landing.test_bucket import body_of
from tests.landing.test_hour import HOUR, entries, ids, journal, land_records, lines
from tests.landing.test_hour import feed as feed
from tests.records import Sent, spread

PROBE = "work/check/probe.ndjson"


def run_of(feed: Feed, records: Iterable[Sent]) -> None:
    with HourQueue(feed, host="h", on_landed=lambda *_: None) as queue:
        queue.land(HOUR, entries(records))
        queue.finish()


def drops_the_header(bucket: Bucket) -> None:
    stores.drops_the_condition(bucket)


def overwrites_and_denies_it(bucket: Bucket) -> None:
    """The store answers that the key exists, but has overwritten the object."""
    stores.drops_the_condition(bucket)
    stores.answers(bucket, "PreconditionFailed", 412)


def calls_each_write_a_conflict(bucket: Bucket) -> None:
    stores.drops_the_condition(bucket)
    stores.answers(bucket, "FileAlreadyExists", 409)


@pytest.mark.parametrize("store", [drops_the_header, overwrites_and_denies_it, calls_each_write_a_conflict])
@pytest.mark.parametrize("probed", [False, True])
def test_a_run_writes_nothing_to_a_store_that_ignores_if_none_match(
    feed: Feed, store: Any, *, probed: bool
) -> None:
    if probed:
        feed.bucket.put(PROBE, body_of(b"{}\n"))
    store(feed.bucket)
    with pytest.raises(BucketError, match="use Amazon S3 or a store that honours If-None-Match"):
        run_of(feed, spread(HOUR, 3))
    assert feed.bucket.keys("") == [PROBE]


def test_the_journal_of_a_killed_run_is_not_finished_in_such_a_store(feed: Feed) -> None:
    land_records(feed, spread(HOUR, 3))
    (landed,) = feed.bucket.keys("feed/")
    feed.bucket._client.delete_object(Bucket=feed.bucket.name, Key=landed)
    stores.drops_the_condition(feed.bucket)
    with pytest.raises(BucketError, match="If-None-Match"):
        run_of(Feed(feed.bucket, "feed/", "work/", "secops"), [])
    assert feed.bucket.keys("feed/") == []


@pytest.mark.parametrize("shown", [0, 3])
def test_a_run_that_finds_nothing_new_writes_no_object_in_any_store(feed: Feed, shown: int) -> None:
    records = spread(HOUR, 3)
    land_records(feed, records)
    stores.drops_the_condition(feed.bucket)
    put = stores.requests_of(feed.bucket, "PutObject")
    run_of(Feed(feed.bucket, "feed/", "work/", "secops"), records[:shown])
    assert put == []


def test_a_second_object_of_an_hour_does_not_write_the_first_one_again(feed: Feed) -> None:
    records = spread(HOUR, 3)
    land_records(feed, records[:2])
    (first,) = feed.bucket.keys("feed/")
    put = stores.requests_of(feed.bucket, "PutObject")
    land_records(feed, records)
    assert first not in put
    assert sorted(ids(lines(feed))) == sorted(ids(records))
    assert len(journal(feed)) == 2


def test_a_store_is_checked_once_per_run_even_if_many_threads_write(feed: Feed) -> None:
    feed.bucket.put_new(PROBE, body_of(b"{}\n"))
    put = stores.requests_of(feed.bucket, "PutObject")
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: feed.put_new(f"work/{name}", body_of(b"x\n")), range(16)))
    assert put[:2] == [PROBE, PROBE]
    assert put.count(PROBE) == 2


def test_a_store_passes_even_if_the_answer_to_the_first_probe_was_lost(
    feed: Feed,
) -> None:
    class Deaf(Bucket):
        def put_new(self, key: str, body: Body) -> bool:
            return super().put_new(key, body) and key != PROBE

    deaf = Deaf(feed.bucket._client, feed.bucket.name)
    assert Feed(deaf, "feed/", "work/", "secops").put_new("work/a", body_of(b"x\n")) is True
