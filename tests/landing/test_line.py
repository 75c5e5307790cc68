"""Tests of writing a record as a line, and of recognizing it again."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duo_pipeline.landing.line import RecordFormat, as_sent, fingerprint, line

SENT = {
    "context": "authentication",
    "credits": 2,
    "phone": "+13125550123",
    "telephony_id": "5bf1a860-fe39-49e3-be29-217659663a74",
    "ts": "2023-03-21T22:34:49.466370+00:00",
    "txid": "",
    "type": "sms",
    "unknown": {"deep": [1, None, "é"]},
}
UTC_TS = "2023-03-21T22:34:49.466370Z"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
ADDED = ["host", "eventtype", "timestamp", "duo_sent"]
NAMES = st.sampled_from(["context", "credits", "phone", "txid", "type", "new", *ADDED]) | st.text(max_size=8)
RECORDS = st.dictionaries(NAMES, JSON, max_size=8).map(lambda record: {**record, "ts": SENT["ts"]})
FORMATS: tuple[RecordFormat, ...] = ("secops", "verbatim")


def written(record: dict[str, Any], record_format: RecordFormat = "secops") -> dict[str, Any]:
    text = line(record, utc=UTC_TS, host="api-1.duosecurity.com", record_format=record_format)
    assert text.endswith(b"\n")
    assert text.count(b"\n") == 1
    read = json.loads(text)
    assert isinstance(read, dict)
    return read


def test_secops_adds_what_googles_parser_needs_and_keeps_everything_else() -> None:
    assert written(SENT) == {
        **SENT,
        "credits": "2",
        "host": "api-1.duosecurity.com",
        "eventtype": "telephony",
        "timestamp": UTC_TS,
    }


def test_verbatim_is_what_duo_sent() -> None:
    assert written(SENT, "verbatim") == SENT


def test_a_host_or_eventtype_that_duo_sends_is_kept() -> None:
    own = {**SENT, "host": "other.example", "eventtype": "voice"}
    kept = {"host": "other.example", "eventtype": "voice"}
    assert written(own) == {**own, "credits": "2", "timestamp": UTC_TS, "duo_sent": kept}


def test_a_record_without_credits_gets_none() -> None:
    assert "credits" not in written({"ts": UTC_TS})


def test_text_is_utf_8_and_half_a_surrogate_pair_is_kept_as_an_escape() -> None:
    assert "é".encode() in line(SENT, utc=UTC_TS, host="h", record_format="verbatim")
    half = {**SENT, "context": "\ud83d"}
    assert written(half, "verbatim") == half


def test_a_number_that_json_cannot_represent_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        written({**SENT, "new": float("inf")})


@pytest.mark.parametrize("record_format", FORMATS)
@given(record=RECORDS)
def test_a_line_has_the_identity_of_its_record(record_format: RecordFormat, record: dict[str, Any]) -> None:
    assert fingerprint(as_sent(written(record, record_format))) == fingerprint(record)


@given(record=RECORDS)
def test_the_order_of_the_fields_does_not_matter(record: dict[str, Any]) -> None:
    assert fingerprint(dict(reversed(record.items()))) == fingerprint(record)


def test_records_that_differ_only_in_fields_that_the_format_adds_are_different_records() -> None:
    records = [
        SENT,
        *({**SENT, "host": host} for host in ("a.example", "b.example", "")),
        {**SENT, "eventtype": "telephony"},
        {**SENT, "timestamp": 5},
        {**SENT, "host": "a.example", "eventtype": "telephony", "timestamp": UTC_TS},
        {**SENT, "credits": "3"},
        {**SENT, "credits": 2.0},
    ]
    fingerprints = [fingerprint(record) for record in records]
    assert len(set(fingerprints)) == len(records)
    assert [fingerprint(as_sent(written(record))) for record in records] == fingerprints


def test_credits_as_text_and_as_a_number_are_the_same_record_and_the_same_line() -> None:
    as_text = {**SENT, "credits": "2"}
    assert fingerprint(as_text) == fingerprint(SENT)
    assert written(as_text) == written(SENT)


@pytest.mark.parametrize("field", SENT.keys())
def test_a_record_that_differs_in_any_field_is_another_record(field: str) -> None:
    assert fingerprint({**SENT, field: "other"}) != fingerprint(SENT)
    assert fingerprint({key: value for key, value in SENT.items() if key != field}) != fingerprint(SENT)
