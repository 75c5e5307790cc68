"""Tests of reading the objects of the Lambda function, on a real S3 server."""

import json

import pytest

from duo_pipeline.adoption import lambda_objects
from duo_pipeline.landing.bucket import Bucket
from tests.adoption.lambda_files import leave, lines

A, B = {"ts": "2026-11-23T05:00:01Z", "n": 1}, {"ts": "2026-11-23T05:00:02Z", "n": 2}


@pytest.mark.parametrize(
    ("body", "places"),
    [
        pytest.param(lines([A, B]), [":1", ":2"], id="a record a line"),
        pytest.param(lines([A, B]) + b"\r\n\n", [":1", ":2"], id="other line ends, an empty line"),
        pytest.param(json.dumps([A, B]).encode(), [":1[0]", ":1[1]"], id="an array"),
        pytest.param(json.dumps([A, B], indent=2).encode(), ["[0]", "[1]"], id="an array over several lines"),
        pytest.param(json.dumps({"items": [A, B]}).encode(), [":1[0]", ":1[1]"], id="an object with items"),
        pytest.param(
            json.dumps({"items": [A, B], "metadata": {}}, indent=1).encode(),
            ["[0]", "[1]"],
            id="the same, indented",
        ),
        pytest.param(lines([[A], {"items": [B]}]), [":1[0]", ":2[0]"], id="a page a line"),
    ],
)
def test_each_value_has_its_place(bucket: Bucket, body: bytes, places: list[str]) -> None:
    key = leave(bucket, "telephony_1.json", body)
    found = list(lambda_objects.values(bucket, key))
    assert [one.value for one in found] == [A, B]
    assert [one.place for one in found] == [f"{bucket.uri(key)}{place}" for place in places]


def test_a_line_that_is_not_json_does_not_hide_other_lines(bucket: Bucket) -> None:
    for body in (b"{cut\n" + lines([A, B]), lines([A]) + b"\n{cut\n" + lines([B])):
        values = [one.value for one in lambda_objects.values(bucket, leave(bucket, "telephony_1.json", body))]
        assert [value for value in values if isinstance(value, dict)] == [A, B]
        assert len(values) == 3


def test_a_record_with_a_field_named_items_is_a_record(bucket: Bucket) -> None:
    record = {**A, "items": [B]}
    (found,) = lambda_objects.values(bucket, leave(bucket, "telephony_1.json", lines([record])))
    assert found.value == record


def test_an_empty_object_has_no_values(bucket: Bucket) -> None:
    assert list(lambda_objects.values(bucket, leave(bucket, "telephony_1.json", b""))) == []


def test_objects_and_checkpoints_are_recognized_by_their_names() -> None:
    own = "feed/dt=2026-11-23/hour=05/telephony-20261123T05Z-0123456789abcdef.ndjson"
    keys = [
        "feed/telephony_20261123_050003.json",
        "feed/2026/telephony_1.json",
        "feed/state.json",
        own,
        "feed/other.json",
    ]
    assert lambda_objects.objects(keys) == keys[:2]
    assert lambda_objects.checkpoints(keys) == ["feed/state.json"]


@pytest.mark.parametrize(
    ("state", "ms"),
    [
        ({"last_offset": None, "last_timestamp_ms": 1795410000000}, 1795410000000),
        ({"last_offset": "1795410000001,5bf1a860-fe39-49e3-be29-217659663a74"}, 1795410000001),
        ({}, None),
        ({"last_run": "20261123"}, None),
    ],
)
def test_a_checkpoint_has_the_time_that_the_function_has_reached(
    bucket: Bucket, state: dict[str, object], ms: int | None
) -> None:
    key = leave(bucket, "state.json", json.dumps(state).encode())
    assert lambda_objects.checkpoint_ms(bucket, key) == ms
