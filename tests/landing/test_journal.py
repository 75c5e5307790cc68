"""Tests of concurrent runs of the same hour, and of runs that are killed between two writes."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from duo_pipeline.landing.body import Body
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.landing.feed import Feed
from duo_pipeline.landing.hour import HourLanding
from duo_pipeline.landing.keys import probe_key
from tests.landing.test_hour import HOUR, entries, existing, ids, journal, land_records, lines
from tests.landing.test_hour import feed as feed
from tests.records import Sent, spread


class KilledError(Exception):
    """Stands for SIGKILL: nothing happens after it."""


class KilledAfter(Bucket):
    """A bucket whose user is killed after a number of writes; the probe does not count as a write."""

    def __init__(self, bucket: Bucket, writes: int) -> None:
        super().__init__(bucket._client, bucket.name)
        self.writes = writes

    def put_new(self, key: str, body: Body) -> bool:
        if key == probe_key("work/"):
            return super().put_new(key, body)
        if not self.writes:
            raise KilledError
        self.writes -= 1
        return super().put_new(key, body)


def begun(feed: Feed, records: Iterable[Sent]) -> tuple[HourLanding, list[str], list[str]]:
    """Begin a run: it has read Duo and listed S3, but has written nothing yet."""
    landing = HourLanding(feed, HOUR, host="h")
    landing.take(entries(records))
    return landing, existing(feed), journal(feed)


def feed_with(feed: Feed, bucket: Bucket) -> Feed:
    return Feed(bucket, feed.prefix, feed.work_prefix, feed.record_format)


def test_runs_that_have_listed_the_same_empty_hour_write_each_record_once(feed: Feed) -> None:
    records = spread(HOUR, 6)
    one, *seen_by_one = begun(feed, records[:4])
    two, *seen_by_two = begun(feed, records)
    three, *seen_by_three = begun(feed, records[2:])
    assert one.land(*seen_by_one).new_records == 4
    assert two.land(*seen_by_two).new_records == 2
    assert len(three.land(*seen_by_three).objects) == 2
    assert Counter(ids(lines(feed))) == Counter(ids(records))


def test_the_next_run_finishes_a_run_that_was_killed_between_journal_and_feed(feed: Feed) -> None:
    records = spread(HOUR, 4)
    killed, *seen = begun(feed_with(feed, KilledAfter(feed.bucket, 1)), records[:3])
    with pytest.raises(KilledError):
        killed.land(*seen)
    assert existing(feed) == []
    assert len(journal(feed)) == 1
    landed = land_records(feed, records)
    assert landed.new_records == 1
    assert len(landed.objects) == 2
    assert Counter(ids(lines(feed))) == Counter(ids(records))


def test_a_slow_run_whose_entry_another_run_has_finished_doubles_nothing(feed: Feed) -> None:
    records = spread(HOUR, 4)
    paused: list[Any] = []

    class Paused(Bucket):
        def put_new(self, key: str, body: Body) -> bool:
            if key.startswith(feed.prefix):
                paused.append(land_records(feed, records))  # meanwhile another run does all its work
            return super().put_new(key, body)

    slow, *seen = begun(feed_with(feed, Paused(feed.bucket._client, feed.bucket.name)), records[:3])
    slow.land(*seen)
    assert len(paused) == 1
    assert Counter(ids(lines(feed))) == Counter(ids(records))


def test_records_that_were_written_count_as_new_even_if_the_answer_was_lost(feed: Feed) -> None:
    class Deaf(Bucket):
        def put_new(self, key: str, body: Body) -> bool:
            super().put_new(key, body)
            return False

    deaf, *seen = begun(feed_with(feed, Deaf(feed.bucket._client, feed.bucket.name)), spread(HOUR, 3))
    assert deaf.land(*seen).new_records == 3
    assert len(lines(feed)) == 3


def test_two_feeds_that_share_a_work_prefix_do_not_get_each_others_records(feed: Feed) -> None:
    ours, theirs = spread(HOUR, 3), spread(HOUR, 2)
    land_records(feed, ours)
    other = Feed(feed.bucket, "other/", feed.work_prefix, feed.record_format)
    land_records(other, theirs)
    assert sorted(ids(lines(other))) == sorted(ids(theirs))
    assert sorted(ids(lines(feed))) == sorted(ids(ours))


@pytest.mark.parametrize("writes", range(5))
def test_after_runs_were_killed_at_any_write_the_next_run_completes_the_feed(feed: Feed, writes: int) -> None:
    records = spread(HOUR, 6)
    for shown in (records[:2], records[:4], records):
        run, *seen = begun(feed_with(feed, KilledAfter(feed.bucket, writes % 3)), shown)
        try:
            run.land(*seen)
        except KilledError:
            continue
    land_records(feed, records)
    assert Counter(ids(lines(feed))) == Counter(ids(records))
    for key in existing(feed):
        texts = [json.loads(line) for line in feed.bucket.lines(key)]
        assert texts == sorted(texts, key=lambda line: (line["ts"], line["telephony_id"]))
