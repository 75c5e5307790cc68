"""Tests of the comparison with a parser that differs in one rule."""

from datetime import UTC, datetime
from typing import Literal

import pytest

from duo_pipeline.sandbox.secops import parser
from duo_pipeline.udm.comparison import NO_EVENT, Comparison
from duo_pipeline.udm.invented import invented_lines
from duo_pipeline.udm.rules import RULES
from tests.udm.quirky import lines, quirky_line

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
THE_PARSERS = [rule.udm for rule in RULES if not rule.source.startswith("platform")]


def test_the_parser_as_modelled_does_not_differ_on_ten_thousand_lines() -> None:
    comparison = Comparison()
    for _, _, text in lines(10_000, quirky_line, seed=5):
        comparison.add(text, parser.run(text, {}), NOW)
    assert (comparison.lines, comparison.fields) == (10_000, {})


@pytest.mark.parametrize("change", ["dropped", "changed"])
@pytest.mark.parametrize("field", THE_PARSERS)
def test_a_parser_that_differs_in_one_rule_is_told_by_that_rule_only(
    field: str, change: Literal["dropped", "changed"]
) -> None:
    comparison = Comparison()
    for line in invented_lines():
        comparison.add(line, parser.run(line, {field: change}), NOW)
    assert list(comparison.fields) == [field]


def test_a_field_that_no_rule_makes_is_named_by_its_path() -> None:
    comparison = Comparison()
    for line in invented_lines():
        event = parser.run(line, {})
        assert event is not None
        event["network"] = {"sessionId": "x"}
        comparison.add(line, event, NOW)
    assert comparison.fields == {"network.session_id": len(invented_lines())}


def test_what_the_platform_adds_is_not_compared() -> None:
    comparison = Comparison()
    for line in invented_lines():
        event = parser.with_platform_fields(parser.run(line, {}) or {})
        event["metadata"] |= {"id": "x", "ingestedTimestamp": "2026-11-23T12:30:00Z"}
        event["metadata"].setdefault("eventTimestamp", "2026-11-23T12:29:59.5Z")  # the time of parsing
        comparison.add(line, event, NOW)
    assert comparison.fields == {}


def test_a_parser_that_begins_to_read_ts_differs_in_the_event_time() -> None:
    comparison = Comparison()
    line = b'{"ts": "2020-02-29T12:34:56+00:00"}'
    event = parser.run(line, {}) or {}
    event["metadata"]["eventTimestamp"] = "2020-02-29T12:34:56Z"
    comparison.add(line, event, NOW)
    assert comparison.fields == {"metadata.event_timestamp": 1}


def test_a_line_of_which_the_parser_makes_nothing_differs() -> None:
    comparison = Comparison()
    comparison.add(invented_lines()[0], None, NOW)
    comparison.add(b"no json", None, NOW)
    assert comparison.fields == {NO_EVENT: 1}


def test_the_invented_lines_exercise_every_rule() -> None:
    events = [parser.run(line, {}) or {} for line in invented_lines()]
    shown = Comparison()
    for line in invented_lines():
        shown.add(line, {}, NOW)
    assert len(events) > 20
    assert set(THE_PARSERS) == set(shown.fields)
