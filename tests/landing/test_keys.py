"""Tests of the keys of the objects."""

from datetime import UTC, datetime

import pytest

from duo_pipeline.landing.keys import is_log_key, journal_key, last_entry, log_key

HOUR = datetime(2026, 11, 23, 5, tzinfo=UTC)
KEY = "feed/dt=2026-11-23/hour=05/telephony-20261123T05Z-0123456789abcdef.ndjson"


def test_the_key_of_a_log_object_has_its_hour_and_a_hash() -> None:
    assert log_key("feed/", HOUR, "0123456789abcdef" * 4) == KEY
    assert is_log_key("feed/", KEY)


@pytest.mark.parametrize(
    "key",
    [
        "feed/state.json",
        "feed/telephony_20261123.json",
        "feed/dt=2026-11-23/hour=05/",
        KEY.replace("hour=05", "hour=06"),
        KEY.replace("feed/dt=2026-11-23", "feed/dt=2026-11-24"),
        KEY.removesuffix("f.ndjson") + ".ndjson",
        KEY + ".gz",
        KEY.replace("feed/", "feed/more/"),
    ],
)
def test_any_other_key_is_not_a_log_object(key: str) -> None:
    assert not is_log_key("feed/", key)


@pytest.mark.parametrize(
    ("numbers", "last"), [([], 0), ([1], 1), ([1, 2, 10], 10), ([999_999, 1_000_000, 1_000_001], 1_000_001)]
)
def test_the_last_entry_of_a_journal_has_the_highest_number(numbers: list[int], last: int) -> None:
    known = sorted(journal_key("work/", "feed/", HOUR, number) for number in numbers)
    assert last_entry(known) == last


@pytest.mark.parametrize(
    "name",
    [
        "",
        "notes.txt",
        "000003",
        "3.ndjson",
        "0000003.ndjson",
        "000003.ndjson.gz",
        "00000٣.ndjson",
        "x000003.ndjson",
    ],
)
def test_a_foreign_object_in_a_journal_is_not_an_entry(name: str) -> None:
    folder = journal_key("work/", "feed/", HOUR, 1).removesuffix("000001.ndjson")
    assert last_entry([f"{folder}000002.ndjson", f"{folder}{name}"]) == 2
    assert last_entry([f"{folder}{name}"]) == 0
