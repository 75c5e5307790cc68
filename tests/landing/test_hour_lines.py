"""Tests of reading the lines of an hour from the feed."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from duo_pipeline.landing import sorter
from duo_pipeline.landing.feed import Feed
from duo_pipeline.landing.hour_lines import hour_lines
from duo_pipeline.masking import shown_key
from tests.landing.temporary_files import open_files
from tests.landing.test_bucket import body_of
from tests.landing.test_hour import FOLDER, HOUR, existing, ids, land_records, lines
from tests.landing.test_hour import feed as feed
from tests.records import spread


@pytest.fixture(autouse=True, params=[2, sorter.ROWS_IN_MEMORY], ids=["on disk", "in memory"])
def rows_in_memory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sorter, "ROWS_IN_MEMORY", request.param)
    before = open_files()
    yield
    assert open_files() == before


def test_the_lines_of_many_objects_come_in_order_and_one_object_is_read_at_a_time(feed: Feed) -> None:
    records = spread(HOUR, 40)
    shuffled = random.Random(1).sample(records, len(records))
    for end in range(4, 41, 4):
        land_records(feed, shuffled[:end])
    bodies: list[Any] = []

    def note(parsed: dict[str, Any], **_: object) -> None:
        assert all(body._raw_stream.closed for body in bodies)
        bodies.append(parsed["Body"])

    feed.bucket._client.meta.events.register("after-call.s3.GetObject", note)
    assert ids(lines(feed)) == ids(records)
    assert len(bodies) == 10


def test_each_line_has_its_place_and_foreign_lines_come_first(feed: Feed) -> None:
    land_records(feed, spread(HOUR, 3))
    (key,) = existing(feed)
    foreign = f"{FOLDER}zz:1 ä.ndjson"
    feed.bucket.put(foreign, body_of(*(f"{number}\n".encode() for number in range(12))))
    read = list(hour_lines(feed, existing(feed)))
    assert [line.number for line in read] == [*range(1, 13), 1, 2, 3]
    seen = feed.bucket.uri(shown_key(foreign))
    assert [line.object for line in read] == [seen] * 12 + [feed.bucket.uri(key)] * 3
    assert read[11].text == b"11"


def test_foreign_objects_with_masked_names_are_read_one_after_the_other(feed: Feed) -> None:
    land_records(feed, spread(HOUR, 1))
    for name in ("5550142", "5550143"):
        feed.bucket.put(f"{FOLDER}{name}.ndjson", body_of(b"1\n", b"2\n"))
    read = list(hour_lines(feed, existing(feed)))
    assert [line.number for line in read] == [1, 2, 1, 2, 1]
    assert not any("555" in line.object for line in read)


def test_a_reader_that_stops_early_leaves_no_file_open(feed: Feed) -> None:
    land_records(feed, spread(HOUR, 5)[:3])
    land_records(feed, spread(HOUR, 7))
    read = hour_lines(feed, existing(feed))
    assert next(read).number == 1
    del read


def test_an_hour_without_objects_has_no_lines(feed: Feed) -> None:
    assert list(hour_lines(feed, [])) == []
