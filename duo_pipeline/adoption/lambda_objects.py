"""Read the objects that the Lambda function of Google's guide has left in the feed.

Each run of the function writes Duo's items, one per line, to ``telephony_20261123_050003.json``. Changed
versions of the function write one JSON document instead: an array, or an object with the ``items`` of Duo's
answer; or they pack it (``.json.gz``). ``state.json`` is the checkpoint
(https://cloud.google.com/chronicle/docs/ingestion/default-parsers/duo-telephony).
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from duo_pipeline import ndjson
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.landing.packed import LONGEST_LINE, MAGIC, PackedError, is_packed
from duo_pipeline.masking import shown_key

_NAME = r"(.*/)?telephony_[^/]*"
_OBJECT = re.compile(_NAME + r"\.(json|jsonl|ndjson)(\.gz)?", re.DOTALL)
_LIKE_OBJECT = re.compile(_NAME, re.DOTALL)
_CHECKPOINT = re.compile(r"(.*/)?state\.json", re.DOTALL)
_MILLISECONDS = re.compile(rb"(?<!\d)1\d{12}(?!\d)")


class PlacedValue(NamedTuple):
    """A value and its place.

    Attributes:
        place: ``s3://…/telephony_….json:3`` for the third line, ``…json:3[0]`` for the first item in it.
        value: A JSON value, or another object if the text is not JSON.
    """

    place: str
    value: Any


def objects(keys: Iterable[str]) -> list[str]:
    """Return the keys of the objects that contain records."""
    return [key for key in keys if _OBJECT.fullmatch(key)]


def with_unknown_ending(keys: Iterable[str]) -> list[str]:
    """Return the keys that begin like those of objects with records, and have an ending that nobody reads."""
    return [key for key in keys if _LIKE_OBJECT.fullmatch(key) and not _OBJECT.fullmatch(key)]


def checkpoints(keys: Iterable[str]) -> list[str]:
    """Return the keys of the checkpoints."""
    return [key for key in keys if _CHECKPOINT.fullmatch(key)]


def checkpoint_ms(bucket: Bucket, checkpoint: str) -> int | None:
    """Return the Unix milliseconds of a checkpoint, or None if it has none.

    Raises:
        BucketError: S3 refused the request or could not be reached.
    """
    return max(
        (int(ms) for line in bucket.lines(checkpoint) for ms in _MILLISECONDS.findall(line)), default=None
    )


def values(bucket: Bucket, key: str) -> Iterator[PlacedValue]:
    """Yield the values of an object. Only one line at a time is in memory, or one whole document.

    Raises:
        BucketError: S3 refused the request or could not be reached.
        PackedError: A gzip file cannot be unpacked to its end, and its values up to there have been yielded;
            or it has another name than SecOps needs.
    """
    uri = bucket.uri(shown_key(key))
    lines = ((number, text) for number, text in enumerate(bucket.unpacked_lines(key), 1) if text.strip())
    for nth, (number, text) in enumerate(lines):
        if nth == 0 and text.startswith(MAGIC):
            raise PackedError("it is gzip, but SecOps unpacks only what ends in .gz")
        value = ndjson.parsed(text)
        if nth == 0 and value is ndjson.NOT_JSON:
            document = ndjson.parsed(_whole(bucket, key))
            if document is not ndjson.NOT_JSON:
                yield from _items(uri, document)
                return
        yield from _items(f"{uri}:{number}", value)


def _whole(bucket: Bucket, key: str) -> bytes:
    """Return an object as one text; of a packed one nothing if it is damaged, or too large for memory."""
    text = bytearray()
    try:
        for line in bucket.unpacked_lines(key):
            text += line + b"\n"
            if is_packed(key) and len(text) > LONGEST_LINE:
                return b""
    except PackedError:
        return b""
    return bytes(text)


def _items(place: str, value: Any) -> Iterator[PlacedValue]:  # noqa: ANN401 - any JSON
    if isinstance(value, dict) and "ts" not in value and isinstance(value.get("items"), list):
        value = value["items"]
    if not isinstance(value, list):
        yield PlacedValue(place, value)
        return
    for number, item in enumerate(value):
        yield PlacedValue(f"{place}[{number}]", item)
