"""Tests of Duo's answers in which some items cannot be read."""

import json

import pytest

from duo_pipeline.duo.answer import DEEPEST, read
from duo_pipeline.records import Reject

TOO_DEEP = b'{"a":' * 1500 + b"1" + b"}" * 1500


def answer(*items: bytes) -> bytes:
    inside = b'"metadata":{"total_objects":3,"n":[1,{"items":[2]}]},"items" : [' + b" , ".join(items) + b"]"
    return b'{"stat":"OK","response":{' + inside + b',"more":"}]"}}'


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (b'{"credits":' + b"9" * 5000 + b"}", "too many digits"),
        (TOO_DEEP, "nested deeper"),
        (b"[" * 100 + b"]" * 100, "nested deeper"),
        (b'{"phone":"\xff"}', "not UTF-8"),
        (b'{"phone":}', "not JSON"),
        (b'{"phone":"a\nb"}', "not JSON"),
        (b"nul", "not JSON"),
        (b'{"credits":NaN}', "it contains NaN"),
        (b'{"credits":-Infinity}', "it contains -Infinity"),
    ],
    ids=["digits", "deep", "deep list", "bytes", "no value", "newline", "word", "NaN", "infinity"],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_unreadable_item_keeps_its_bytes_and_the_other_items_are_read(
    item: bytes, reason: str, place: int
) -> None:
    good = [b'{"context":"a \\"quote\\" , ] } {"}', b"7"]
    response = read(answer(*good[:place], item, *good[place:]))["response"]
    unreadable = response["items"].pop(place)
    assert isinstance(unreadable, Reject)
    assert unreadable.sent == item
    assert reason in unreadable.reason
    assert response["items"] == [json.loads(text) for text in good]
    assert response["metadata"] == {"total_objects": 3, "n": [1, {"items": [2]}]}


def test_a_readable_answer_is_read_as_json_reads_it() -> None:
    nested = b'{"a":' * DEEPEST + b"1" + b"}" * DEEPEST
    for body in (
        answer(),
        answer(b'{"a":[{}]}', b'"NaN"'),
        answer(nested, nested),
        b"[1]",
        b'{"stat":"FAIL"}',
    ):
        assert str(read(body)) == str(json.loads(body))


@pytest.mark.parametrize("end", range(1, len(answer(b'{"credits":' + b"9" * 5000 + b"}")), 97))
def test_an_answer_that_was_cut_off_is_refused(end: int) -> None:
    with pytest.raises(ValueError, match="not"):
        read(answer(b'{"credits":' + b"9" * 5000 + b"}")[:end])


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"response":{"items":[}}}', b'{"a":' * 5000, b'{"response":[{"items":[x]}]}']
)
def test_a_body_that_is_not_an_answer_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="not"):
        read(body)
