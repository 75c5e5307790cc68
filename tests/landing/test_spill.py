"""Tests of temporary files that cannot be written."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from duo_pipeline.landing import hour_queue, sorter
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.bucket import Bucket, BucketError
from duo_pipeline.landing.feed import Feed
from duo_pipeline.landing.hour import HourLanding
from duo_pipeline.landing.hour_queue import HourQueue
from duo_pipeline.landing.sorter import Row, Sorter
from duo_pipeline.landing.spill import SpillError
from duo_pipeline.records import Item, Reject
from tests.landing.temporary_files import open_files, room_for
from tests.landing.test_hour import HOUR, entries, existing, ids, journal, land_records, lines
from tests.landing.test_hour import feed as feed
from tests.landing.test_hour_queue import HOURS
from tests.records import Sent, spread

MIB = 1 << 20


def big(count: int, hour: datetime = HOUR) -> list[Sent]:
    """Return records of an hour, each with a kilobyte of text."""
    return [{**record, "context": "x" * 1000} for record in spread(hour, count)]


def in_memory(count: int, hour: datetime = HOUR) -> list[Item]:
    return entries(spread(hour, count))


@contextmanager
def landing_without_room(feed: Feed) -> Iterator[HourLanding]:
    """Yield the landing of an hour, which must fail for want of room."""
    with closing(HourLanding(feed, HOUR, host="h")) as landing, room_for(2 * MIB), pytest.raises(SpillError):
        yield landing


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of the temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture(autouse=True)
def no_file_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test leaves no file open, even if something still holds the landing of an hour."""
    held: list[HourLanding] = []

    def hold(*arguments: Any, **options: Any) -> HourLanding:
        held.append(HourLanding(*arguments, **options))
        return held[-1]

    monkeypatch.setattr(hour_queue, "HourLanding", hold)
    before = open_files()
    yield
    assert open_files() == before


def test_a_folder_that_is_gone_is_named(folder: Path) -> None:
    folder.rmdir()
    with Body() as body, pytest.raises(SpillError, match=rf"to {folder} \(No such file or directory\): make"):
        body.write(b"x" * 2 * MIB)


def test_a_file_in_the_place_of_the_folder_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorter, "ROWS_IN_MEMORY", 1)
    folder.rmdir()
    folder.touch()
    with closing(Sorter()) as one, pytest.raises(SpillError, match=r"\(Not a directory\).* set TMPDIR"):
        one.add(Row(0, b"", b"", existing=True))


def test_without_any_folder_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nowhere"])
    with Body() as body, pytest.raises(SpillError, match=r"There is no folder .*: set TMPDIR"):
        body.write(b"x" * 2 * MIB)


def test_what_is_still_in_the_buffer_of_a_full_disk_is_told_before_the_upload() -> None:
    with room_for(2 * MIB), Body() as body:
        body.write(b"x" * (2 * MIB))
        body.write(b"y")
        with pytest.raises(SpillError, match=r"\(File too large\)"):
            body.rewound()


@pytest.mark.parametrize("count", [4_000, 12_000], ids=["its object does not fit", "its records do not fit"])
def test_nothing_of_an_hour_is_written_to_a_full_disk_and_nothing_of_it_to_s3(feed: Feed, count: int) -> None:
    records = big(count)
    with landing_without_room(feed) as landing:
        landing.take(entries(records))
        landing.land([], [])
    assert feed.bucket.keys("") == []
    assert land_records(feed, records).new_records == count
    assert ids(lines(feed)) == ids(records)


def test_entries_that_cannot_land_need_room_too(feed: Feed) -> None:
    with landing_without_room(feed) as landing:
        landing.take(Reject(f"{number}{'x' * 1000}", "it is wrong") for number in range(4_000))
    assert feed.bucket.keys("") == []


def test_an_hour_read_again_without_room_leaves_what_is_there_as_it_is(feed: Feed) -> None:
    records = big(4_000)
    land_records(feed, records)
    with landing_without_room(feed) as landing:
        landing.take(entries([*records, *big(6_000)]))
        landing.land(existing(feed), journal(feed))
    assert len(feed.bucket.keys("feed/")) == 1
    assert ids(lines(feed)) == ids(records)


def test_an_hour_without_room_fails_and_the_others_land_and_no_entry_goes_to_another_hour(feed: Feed) -> None:
    landed: dict[datetime, int] = {}
    before, large, after = HOURS[:3]
    queue = HourQueue(feed, host="h", on_landed=lambda hour, one: landed.update({hour: one.records}))
    with queue, room_for(2 * MIB):
        queue.land(before, in_memory(3, before))
        left = iter(entries(big(12_000, large)))
        queue.land(large, left)
        assert next(left, None) is None, "what comes next is of the next hour"
        queue.land(after, in_memory(5, after))
        queue.finish()
    assert landed == {before: 3, after: 5}
    assert list(queue.failed) == [large]
    assert "Temporary files cannot be written to" in str(queue.failed[large])


def test_two_hours_that_land_at_once_have_few_files_open(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorter, "ROWS_IN_MEMORY", 10)
    before, most = open_files(), 0

    def watched(hour: datetime) -> Iterator[Item]:
        nonlocal most
        for entry in in_memory(2_000, hour):
            most = max(most, open_files() - before)
            yield entry

    for _ in range(2):
        with HourQueue(feed, host="h", on_landed=lambda *_: None) as queue:
            for hour in HOURS[:2]:
                queue.land(hour, watched(hour))
            queue.finish()
    assert 1 <= most <= 2 * 3, "for each hour its records, its rejects, and the new object"


def test_hours_that_never_begin_to_land_leave_no_file_open(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorter, "ROWS_IN_MEMORY", 1)
    cancelled = Event()

    class Waiting(Bucket):
        def put_new(self, key: str, body: Any) -> bool:
            assert cancelled.wait(30)
            return super().put_new(key, body)

    slow = Feed(Waiting(feed.bucket._client, feed.bucket.name), feed.prefix, feed.work_prefix, "secops")
    monkeypatch.setattr(hour_queue, "CONCURRENT_HOURS", 1)
    queue = HourQueue(slow, host="h", on_landed=lambda *_: None)
    monkeypatch.setattr(hour_queue, "CONCURRENT_HOURS", 2)
    with pytest.raises(KeyboardInterrupt), queue:
        queue.land(HOURS[0], in_memory(3, HOURS[0]))
        queue.land(HOURS[1], in_memory(3, HOURS[1]))
        queue._pending[1][1].add_done_callback(lambda _: cancelled.set())
        raise KeyboardInterrupt
    assert queue._pending[1][1].cancelled()


def test_an_hour_that_s3_refuses_leaves_no_file_open(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorter, "ROWS_IN_MEMORY", 1)
    gone = Feed(Bucket(feed.bucket._client, "no-such-bucket"), feed.prefix, feed.work_prefix, "secops")
    with HourQueue(gone, host="h", on_landed=lambda *_: None) as queue, pytest.raises(BucketError):
        queue.land(HOUR, in_memory(3))
        queue.finish()
