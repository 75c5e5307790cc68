"""Tests of the events of an hour's lines, and of the findings."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from google import backstory

from duo_pipeline import instants, ndjson
from duo_pipeline.landing.line import RecordFormat, line
from duo_pipeline.sandbox.log import GeneratedLog
from duo_pipeline.sandbox.secops.parser import parse
from duo_pipeline.udm import to_udm
from duo_pipeline.udm.finding_types import MALFORMED, OUTSIDE_SCHEMA
from duo_pipeline.udm.findings import Findings
from duo_pipeline.udm.lines import event_lines
from tests.landing.test_line import SENT as SENT_WITH_MORE
from tests.landing.test_line import written
from tests.udm.quirky import hostile_line, lines, quirky_line

SENT = {field: value for field, value in SENT_WITH_MORE.items() if field != "unknown"}
SECOPS = written(SENT)


def findings_of(*records: dict[str, Any] | bytes) -> Findings:
    findings = Findings()
    texts = [one if isinstance(one, bytes) else ndjson.line(one).rstrip() for one in records]
    events = event_lines((("o", number, text) for number, text in enumerate(texts, 1)), findings)
    assert len(list(events)) == findings.events_by_type.total()
    return findings


def sentences_of(*records: dict[str, Any] | bytes) -> dict[str, int]:
    return {found.issue.sentence: found.lines for found in findings_of(*records).findings()}


def test_a_line_that_loses_nothing_has_no_finding() -> None:
    assert sentences_of(SECOPS, SECOPS) == {}


def test_the_events_of_ten_thousand_quirky_lines_equal_those_of_the_model_parser() -> None:
    placed = list(lines(10_000, quirky_line, seed=1))
    expected = [event for _, _, text in placed if (event := parse(text)) is not None]
    findings = Findings()
    made = [json.loads(event) for event in event_lines(placed, findings)]
    for event, model in zip(made, expected, strict=True):
        assert event == model
    assert findings.lines == 10_000
    types = Counter(event["metadata"]["eventType"] for event in made)
    assert findings.events_by_type == types
    assert len(types) == 3


def test_each_event_line_is_the_event_of_to_udm() -> None:
    placed = list(lines(3_000, quirky_line, seed=2))
    records = [record for _, _, text in placed if (record := ndjson.record(text)) is not None]
    assert list(event_lines(placed, Findings())) == [ndjson.line(to_udm(record)) for record in records]


def test_each_of_thirty_thousand_hostile_lines_is_an_event_or_a_finding() -> None:
    findings, events = Findings(), 0
    for event in event_lines(lines(30_000, hostile_line, seed=3), findings):
        events += 1
        assert event.endswith(b"\n")
    malformed = sum(found.lines for found in findings.findings() if found.issue.type is MALFORMED)
    assert events == findings.events_by_type.total()
    assert events + malformed == 30_000
    assert min(events, malformed) > 3_000
    assert len(findings.ndjson_lines()) == len(findings.findings())


def test_an_event_that_googles_schema_refuses_is_written_and_is_a_finding() -> None:
    for _, _, text in lines(5_000, hostile_line, seed=4):
        findings = Findings()
        for event in event_lines([("o", 1, text)], findings):
            try:
                backstory.UDM.from_json(event)
                refused = False
            except Exception:
                refused = True
            found = any(one.issue.type is OUTSIDE_SCHEMA for one in findings.findings())
            assert found == refused, text


@pytest.mark.parametrize("record_format", ["secops", "verbatim"])
def test_googles_schema_accepts_each_event_of_the_sandbox(record_format: RecordFormat) -> None:
    records = GeneratedLog(records_per_day=40_000).hour(datetime(2026, 11, 23, 10, tzinfo=UTC))
    texts = [
        line(one, utc=instants.parse(one["ts"]).utc, host="127.0.0.1", record_format=record_format)
        for one in records
    ]
    placed = (("o", number, text) for number, text in enumerate(texts, 1))
    events = list(event_lines(placed, Findings()))
    assert len(events) == len(records) > 2_000
    for event in events:
        backstory.UDM.from_json(event)


def test_a_verbatim_line_loses_its_time_its_credits_and_its_host() -> None:
    assert sentences_of(SENT) == {
        "no event time (the parser never reads ts, and there is no timestamp):"
        " SecOps uses the time of parsing instead": 1,
        "credits lost: the parser drops a number": 1,
        "no host: the event becomes a GENERIC_EVENT": 1,
    }
    findings = findings_of(SENT, SECOPS)
    assert (findings.as_sent, findings.violations) == (1, 3)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"context": "passkey"}, "unknown value: context 'passkey'"),
        ({"type": "pager"}, "unknown value: type 'pager'"),
        ({"carrier": "x"}, "unknown key: 'carrier'"),
        ({"phone": "5550100"}, "the phone number is not an E.164 number"),
        ({"timestamp": "soon"}, "no event time (timestamp is not an ISO 8601 instant)"),
        ({"timestamp": 1728727200}, "no event time (timestamp is a number, and ts is not empty)"),
        ({"context": ["x"]}, "context lost: its value is not text"),
        ({"telephony_id": ["x"]}, "telephony_id lost: its value is not text"),
        ({"phone": True}, "phone lost: its value is not text"),
        ({"telephony_id": "x" * 257}, "too long: telephony_id may have at most 256 bytes"),
        ({"context": "é" * 33}, "too long: productEventType may have at most 64 bytes"),
        ({"telephony_id": "\ud800"}, "Google's schema does not accept the event: half a surrogate pair"),
        ({"host": 5}, "none of Google's test vectors shows what the parser does with this: a number in"),
        ({"context": None}, "none of Google's test vectors shows what the parser does with this: null"),
    ],
)
def test_each_problem_of_a_line_is_a_finding(change: dict[str, Any], sentence: str) -> None:
    found = sentences_of(SECOPS, {**SECOPS, **change})
    assert [lines for text, lines in found.items() if text.startswith(sentence)] == [1], found


def test_a_line_that_is_not_a_json_object_is_a_violation_with_its_place() -> None:
    findings = findings_of(SECOPS, b"no json", b"[1]", b"", b"[" * 100_000, b"\xff")
    (found,) = findings.findings()
    assert (found.issue.type, found.lines) == (MALFORMED, 5)
    assert [str(place) for place in found.places] == ["o:2", "o:3", "o:4"]


def test_a_finding_names_the_first_places_with_their_ids() -> None:
    odd = [{**SECOPS, "telephony_id": f"id-{number}", "carrier": "x"} for number in range(5)]
    (found,) = findings_of(SECOPS, *odd).findings()
    assert [(place.line, place.record_id) for place in found.places] == [
        (2, "id-0"),
        (3, "id-1"),
        (4, "id-2"),
    ]
    (written_finding,) = map(json.loads, findings_of(SECOPS, *odd).ndjson_lines())
    assert written_finding["kind"] == "unknown_key"
    assert written_finding["lines"] == 5
    assert written_finding["first_places"][0] == {"object": "o", "line": 2, "telephony_id": "id-0"}


def test_each_fact_is_counted_in_the_lines_and_in_the_events() -> None:
    facts = findings_of(SECOPS, SENT, {**SECOPS, "host": "192.0.2.1"}).fact_counts()
    counts = {fact.udm: (fact.lines, fact.events) for fact in facts}
    assert counts["metadata.event_timestamp"] == (3, 2)
    assert counts["metadata.product_log_id"] == (3, 3)
    assert counts['security_result[0].detection_fields[] {key "credits"}'] == (3, 2)
    assert counts["principal.ip[]"] == (1, 1)
    assert counts["principal.hostname"] == (2, 1)


def test_equal_values_of_different_types_are_checked_separately() -> None:
    found = sentences_of(*({**SECOPS, "context": value} for value in (1, 1.0, True)))
    unproven = {
        text: lines for text, lines in found.items() if text.startswith("none of Google's test vectors")
    }
    assert sorted(unproven.values()) == [1, 2]
    assert found["context lost: its value is not text"] == 1


def test_a_whole_number_beyond_64_bits_is_read_exactly() -> None:
    placed = [("o", 1, b'{"telephony_id": 1180591620717411303424, "timestamp": 1180591620717411303424}')]
    findings = Findings()
    (event,) = map(json.loads, event_lines(placed, findings))
    assert event["metadata"]["productLogId"] == "1180591620717411303424"
    assert not any("fraction" in found.issue.sentence for found in findings.findings())


def test_unknown_keys_beyond_a_limit_are_counted_together() -> None:
    found = sentences_of(
        *(
            {**SECOPS, "key" + "abcdefghij"[number // 10] + "abcdefghij"[number % 10]: 1}
            for number in range(100)
        )
    )
    assert sum(found.values()) == 100
    assert found["unknown key: others"] == 80
    assert len(found) == 21


def test_all_lines_are_counted_even_if_they_have_too_many_shapes() -> None:
    findings = findings_of(*({**SECOPS, "context": f"context {number}"} for number in range(5_000)))
    assert findings.events_by_type == {"USER_UNCATEGORIZED": 5_000}
    assert findings.lines == 5_000
    assert findings.violations == 0
