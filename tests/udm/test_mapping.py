"""Tests of the rules of Google's parser."""

from typing import Any

import pytest
from google import backstory
from hypothesis import given

from duo_pipeline import ndjson
from duo_pipeline.udm import to_udm
from tests.landing.test_line import RECORDS, SENT, UTC_TS, written


def test_a_secops_line_keeps_its_time_credits_host_and_type() -> None:
    event = to_udm(written(SENT))
    assert event["metadata"]["eventTimestamp"] == "2023-03-21T22:34:49.466370Z"
    assert event["metadata"]["eventType"] == "USER_UNCATEGORIZED"
    assert event["principal"]["hostname"] == "api-1.duosecurity.com"
    assert {"key": "credits", "value": "2"} in event["securityResult"][0]["detectionFields"]


def test_a_verbatim_line_loses_its_time_credits_host_and_type() -> None:
    event = to_udm(SENT)
    assert "eventTimestamp" not in event["metadata"]
    assert event["metadata"]["eventType"] == "GENERIC_EVENT"
    assert "hostname" not in event["principal"]
    assert "detectionFields" not in event["securityResult"][0]


@pytest.mark.parametrize(
    ("ts", "timestamp", "expected"),
    [
        ("x", "2024-10-12T10:00:00Z", "2024-10-12T10:00:00Z"),
        ("x", "2024-10-12T10:00:00.1Z", "2024-10-12T10:00:00.100Z"),
        ("x", "2024-10-12T10:00:00.1234Z", "2024-10-12T10:00:00.123400Z"),
        ("x", "2024-10-12T10:00:00.123456789Z", "2024-10-12T10:00:00.123456789Z"),
        ("x", "2024-10-12T12:00:00+02:00", "2024-10-12T10:00:00Z"),
        ("x", 1728727200, None),
        ("2024-10-12T10:00:00Z", None, None),
        ("", 1728727200, "2024-10-12T10:00:00Z"),
        (None, 1728727200.5, "2024-10-12T10:00:00.500Z"),
        (None, 0, "1970-01-01T00:00:00Z"),
        (None, -1, "1969-12-31T23:59:59Z"),
        (None, "2024-10-12T10:00:00Z", "2024-10-12T10:00:00Z"),
        (None, "1728727200", None),
        (None, True, None),
        (None, 1e300, None),
        (None, float("nan"), None),
        (None, None, None),
    ],
)
def test_the_event_time_comes_from_timestamp_and_never_from_ts(
    ts: Any, timestamp: Any, expected: str | None
) -> None:
    metadata = to_udm({"ts": ts, "timestamp": timestamp})["metadata"]
    assert metadata.get("eventTimestamp") == expected


@pytest.mark.parametrize(
    ("host", "machine"),
    [
        ("api-1.duosecurity.com", {"hostname": "api-1.duosecurity.com"}),
        ("192.0.2.1", {"ip": ["192.0.2.1"]}),
        ("2001:db8::1", {"ip": ["2001:db8::1"]}),
        ("192.0.2.256", {"hostname": "192.0.2.256"}),
    ],
)
def test_the_machine_is_an_address_or_a_name_and_the_asset_mirrors_it(
    host: str, machine: dict[str, Any]
) -> None:
    assert to_udm({"host": host})["principal"] == {**machine, "asset": machine}


@pytest.mark.parametrize(
    ("record", "event_type"),
    [
        ({"context": "a", "host": "h"}, "USER_UNCATEGORIZED"),
        ({"host": "h"}, "STATUS_UPDATE"),
        ({"context": "", "host": "h"}, "STATUS_UPDATE"),
        ({"context": "a"}, "GENERIC_EVENT"),
        ({}, "GENERIC_EVENT"),
    ],
)
def test_the_event_type_depends_on_context_and_host(record: dict[str, Any], event_type: str) -> None:
    assert to_udm(record)["metadata"]["eventType"] == event_type


@pytest.mark.parametrize("credits_", [5, 0, 1.5, None, True, "", ["5"]])
def test_credits_that_are_not_text_are_dropped(credits_: Any) -> None:
    assert "detectionFields" not in to_udm({"credits": credits_})["securityResult"][0]


def test_without_host_and_phone_there_is_no_principal() -> None:
    assert "principal" not in to_udm({"host": "", "phone": ""})


def test_unknown_fields_are_ignored() -> None:
    assert to_udm({"new": 1, "txid": "x"}) == to_udm({})


@given(record=RECORDS)
def test_googles_schema_accepts_the_event_of_every_landed_record(record: dict[str, Any]) -> None:
    event = to_udm(written(record))
    backstory.UDM.from_json(ndjson.line(event).decode())
    assert event["metadata"]["eventTimestamp"].startswith(UTC_TS[:19])
