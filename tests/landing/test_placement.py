"""Whether each line of an hour lies in its hour, and stands there once."""

import json
from datetime import UTC, datetime

import pytest

from duo_pipeline.landing import sorter
from duo_pipeline.landing.hour_lines import PlacedLine
from duo_pipeline.landing.line import line
from duo_pipeline.landing.placement import Placement
from duo_pipeline.records import time_of
from tests.landing.temporary_files import open_files
from tests.records import Sent, sent

HOUR = datetime(2026, 11, 23, 5, tzinfo=UTC)


def placed(*lines: bytes, objects: int = 1) -> Placement:
    placement = Placement(HOUR, objects=objects)
    for number, text in enumerate(lines, start=1):
        placement.look_at(PlacedLine("s3://b/o", number, text), json.loads(text))
    return placement


def text(record: Sent) -> bytes:
    return json.dumps(record).encode()


@pytest.mark.parametrize(
    ("ts", "astray"),
    [
        ("2026-11-23T05:00:00.000000+00:00", 0),
        ("2026-11-23T05:59:59.999999Z", 0),
        ("2026-11-23T06:00:00.000000+00:00", 1),
        ("2026-11-23T04:59:59.999999+00:00", 1),
        ("2026-11-23T06:30:00.000000+01:00", 0),
        ("2026-11-22T23:30:00.000000-06:00", 0),
        ("2026-11-23T05:30:00.000000+01:00", 1),
        ("2026-11-23T05:30:00.000000-06:00", 1),
        ("yesterday", 1),
        (None, 1),
    ],
)
def test_a_line_lies_in_its_hour_by_the_instant_whatever_the_offset_of_its_ts(
    ts: str | None, astray: int
) -> None:
    assert placed(text(sent(HOUR, ts=ts))).astray == astray


def test_the_first_line_astray_is_named() -> None:
    good, bad = text(sent(HOUR)), text(sent(HOUR, ts="yesterday"))
    placement = placed(good, bad, bad)
    assert (placement.astray, placement.astray_at) == (2, "s3://b/o:2")


def test_lines_that_stand_twice_are_counted_once_for_each_time_too_often() -> None:
    one, two = (text(sent(HOUR)) for _ in range(2))
    assert placed(one, two).doubled() == 0
    assert placed(one, two, one, one).doubled() == 2


def test_in_several_objects_a_record_is_the_same_in_either_format() -> None:
    record = sent(HOUR)
    for_secops = line(record, utc=time_of(record).utc, host="api-1", record_format="secops").strip()
    assert placed(text(record), for_secops, objects=2).doubled() == 1


def test_nothing_of_what_was_collected_stays_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorter, "ROWS_IN_MEMORY", 1)
    before = open_files()
    placement = placed(*[text(sent(HOUR))] * 3)
    assert placement.doubled() == 2
    assert open_files() == before + 1
    placement.close()
    assert open_files() == before
