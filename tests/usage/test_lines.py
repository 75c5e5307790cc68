"""How a day's lines are read and added up."""

import json
from typing import Any

import pytest

from duo_pipeline import ndjson
from duo_pipeline.usage.day import Usage, usage_of
from duo_pipeline.usage.lines import LineReader
from tests.records import sent
from tests.usage.days import DAY, at, usage


def read(*lines: bytes) -> Usage:
    reader = LineReader()
    reader.add_hour(at(5), lines)
    return usage_of(DAY.date(), [5], reader.read())


def test_the_usage_is_by_hour_type_context_and_country() -> None:
    found = usage(
        [
            sent(at(5, 1), credits=1),
            sent(at(5, 2), credits=1),
            sent(at(5, 3), phone="+442079460123", type="phone", credits=3),
            sent(at(6, 1), context="enrollment", credits=0),
        ]
    )
    assert [json.loads(line) for line in found.lines()] == [
        {"hour": f"2026-11-23T{hour}:00:00Z", "type": type_, "context": context, "country": country}
        | {"calls": calls, "credits": spent, "numbers": 1}
        for hour, type_, context, country, calls, spent in [
            ("05", "sms", "authentication", "US", 2, 2),
            ("05", "phone", "authentication", "GB", 1, 3),
            ("06", "sms", "enrollment", "US", 1, 0),
        ]
    ]
    assert (found.calls, found.credits, found.numbers) == (4, 5, 2)
    assert found.by("country") == [
        {"country": "GB", "calls": 1, "credits": 3},
        {"country": "US", "calls": 3, "credits": 2},
    ]


def test_both_formats_of_a_line_count_the_same() -> None:
    record = sent(at(5, 1), credits=3)
    secops = record | {"credits": "3", "host": "api-1.duosecurity.com", "eventtype": "telephony"}
    assert read(ndjson.line(record)).rows.equals(read(ndjson.line(secops)).rows)


def test_a_record_that_duo_changed_counts_once_with_its_most_credits() -> None:
    record = sent(at(5, 1), credits=0)
    found = read(ndjson.line(record), ndjson.line(record | {"credits": 2}), ndjson.line(record | {"x": 1}))
    assert (found.calls, found.credits, found.changed) == (1, 2, 2)


def test_records_of_one_id_and_different_transactions_all_count() -> None:
    record = sent(at(5, 1))
    found = read(*(ndjson.line(record | {"txid": txid}) for txid in "abc"))
    assert (found.calls, found.changed) == (3, 0)


def test_numbers_that_cannot_be_read_are_counted_as_such() -> None:
    phones = ["unknown", "", None, 13125550123, "13125550123", "+999123456789", "+1", {"a": 1}]
    found = read(*(ndjson.line(sent(at(5, 1), phone=phone)) for phone in phones))
    assert found.unreadable_numbers == found.calls == len(phones)
    assert found.by("country") == [{"country": "unreadable", "calls": len(phones), "credits": len(phones)}]


@pytest.mark.parametrize("value", ["", None, "five", True, [1], -1, "-1", 1e300, "nan", 10**400])
def test_credits_that_cannot_be_read_count_as_zero(value: Any) -> None:
    found = read(json.dumps(sent(at(5, 1), credits=value)).encode())
    assert (found.calls, found.credits, found.without_credits) == (1, 0, 1)


@pytest.mark.parametrize(
    "ts", ["", None, 5, "yesterday", "2026-11-23", "2026-11-24T05:00:00+00:00", "0001-01-01T00:00:00+23:59"]
)
def test_a_line_without_a_time_of_its_hour_counts_in_the_hour_where_it_lies(ts: Any) -> None:
    found = read(ndjson.line(sent(at(5, 1)) | {"ts": ts}))
    assert found.profile.credits[5] == 1


def test_odd_values_break_nothing() -> None:
    odd: list[dict[str, Any]] = [
        {"context": "a\n| b |\n\n![x](http://127.0.0.1:9/pixel.png)"},
        {"context": "\ud83d"},
        {"context": "\u202emoc\u001b[31m"},
        {"type": "sms to 5550143 ext. 12"},
        {"type": None, "context": ["x"], "telephony_id": 7, "txid": None},
        {"context": "x" * 100_000},
    ]
    too_long = json.dumps(sent(at(5, 1), phone=0)).replace('"phone": 0', '"phone": ' + "9" * 5000)
    rows = [*(json.dumps(sent(at(5, 1)) | one) for one in odd), "", "not json", "[1]", too_long]
    found = read(*(row.encode() for row in rows), b"\xff")
    assert (found.calls, found.unreadable_lines) == (len(odd), 5)
    assert all(json.loads(line) for line in found.lines())


def test_a_day_without_lines_has_no_usage() -> None:
    found = read()
    assert (found.calls, found.credits, [*found.lines()], found.findings) == (0, 0, [], [])
    assert len(found.missing_hours) == 23
