"""Read the objects that the Lambda function of Google's guide has left in the feed.

Each run of the function writes Duo's items, one per line, to ``telephony_20261123_050003.json``. Changed
versions of the function write one JSON document instead: an array, or an object with the ``items`` of Duo's
answer. ``state.json`` is the checkpoint
(https://cloud.google.com/chronicle/docs/ingestion/default-parsers/duo-telephony).
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from duo_pipeline.landing.bucket import Bucket

_OBJECT = re.compile(r"(.*/)?telephony_[^/]*\.json", re.DOTALL)
_CHECKPOINT = re.compile(r"(.*/)?state\.json", re.DOTALL)
_MILLISECONDS = re.compile(rb"(?<!\d)1\d{12}(?!\d)")
_NOT_JSON = object()


class Found(NamedTuple):
    """A value and its place.

    Attributes:
        place: ``s3://…/telephony_….json:3`` for the third line, ``…json:3[0]`` for the first item in it.
        value: A JSON value, or another object if the text is not JSON.
    """

    place: str
    value: Any


def objects(keys: Iterable[str]) -> list[str]:
    """Return the keys that are those of objects with records."""
    return [key for key in keys if _OBJECT.fullmatch(key)]


def checkpoints(keys: Iterable[str]) -> list[str]:
    """Return the keys that are those of a checkpoint."""
    return [key for key in keys if _CHECKPOINT.fullmatch(key)]


def reached(bucket: Bucket, checkpoint: str) -> int | None:
    """Return the Unix milliseconds of a checkpoint, or None if it has none.

    Raises:
        BucketError: S3 refused the request or could not be reached.
    """
    return max(
        (int(ms) for line in bucket.lines(checkpoint) for ms in _MILLISECONDS.findall(line)), default=None
    )


def values(bucket: Bucket, key: str) -> Iterator[Found]:
    """Yield the values of an object. Only one line at a time is in memory, or one whole document.

    Raises:
        BucketError: S3 refused the request or could not be reached.
    """
    uri = bucket.uri(key)
    lines = ((number, text) for number, text in enumerate(bucket.lines(key), start=1) if text.strip())
    for nth, (number, text) in enumerate(lines):
        value = _parsed(text)
        if nth == 0 and value is _NOT_JSON:
            document = _parsed(b"\n".join(bucket.lines(key)))
            if document is not _NOT_JSON:
                yield from _items(uri, document)
                return
        yield from _items(f"{uri}:{number}", value)


def _items(place: str, value: Any) -> Iterator[Found]:  # noqa: ANN401 - any JSON
    if isinstance(value, dict) and "ts" not in value and isinstance(value.get("items"), list):
        value = value["items"]
    if not isinstance(value, list):
        yield Found(place, value)
        return
    for number, item in enumerate(value):
        yield Found(f"{place}[{number}]", item)


def _parsed(text: bytes) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _NOT_JSON
