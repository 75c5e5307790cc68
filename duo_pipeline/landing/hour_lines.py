"""Read the lines of an hour from the feed."""

import heapq
from collections.abc import Iterator
from typing import NamedTuple

from duo_pipeline import ndjson
from duo_pipeline.landing.feed import Feed
from duo_pipeline.landing.line import record_id
from duo_pipeline.records import time_of


class PlacedLine(NamedTuple):
    """One line of a log object, and its place.

    Attributes:
        object: The ``s3://`` URI of the log object.
        number: The number of the line in the object, from 1.
        text: The line, without the line end.
    """

    object: str
    number: int
    text: bytes


def hour_lines(feed: Feed, keys: list[str]) -> Iterator[PlacedLine]:
    """Return the lines of an hour's log objects as one stream, ordered by time and id.

    Args:
        feed: The feed that has the log objects.
        keys: The keys of the log objects.

    Raises:
        BucketError: S3 refused a request or could not be reached.
    """
    if len(keys) == 1:
        return _lines(feed, keys[0])
    return heapq.merge(*(_lines(feed, key) for key in keys), key=_order)


def _lines(feed: Feed, key: str) -> Iterator[PlacedLine]:
    uri = feed.bucket.uri(key)
    for number, text in enumerate(feed.bucket.lines(key), start=1):
        yield PlacedLine(uri, number, text)


def _order(line: PlacedLine) -> tuple[int, bytes, str, int]:
    record = ndjson.record(line.text) or {}
    try:
        return time_of(record).ns, record_id(record), line.object, line.number
    except (ValueError, RecursionError):
        return 0, b"", line.object, line.number  # a foreign line, which has no time
