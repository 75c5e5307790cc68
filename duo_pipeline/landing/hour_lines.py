"""The lines of an hour as they lie in the feed."""

import heapq
import json
from collections.abc import Iterator
from typing import NamedTuple

from duo_pipeline.landing.feed import Feed
from duo_pipeline.records import time_of


class PlacedLine(NamedTuple):
    """One line of a log object, and where it stands.

    Attributes:
        object: The ``s3://`` URI of the log object.
        number: The line's number in it, from 1.
        text: The line, without its end.
    """

    object: str
    number: int
    text: bytes


def hour_lines(feed: Feed, keys: list[str]) -> Iterator[PlacedLine]:
    """Give the lines of an hour's log objects, as one stream ordered by (ts, telephony_id).

    Args:
        feed: Where they are.
        keys: The keys of the log objects.

    Raises:
        BucketError: S3 refused or could not be reached.
    """
    if len(keys) == 1:
        return _lines(feed, keys[0])
    return heapq.merge(*(_lines(feed, key) for key in keys), key=_order)


def _lines(feed: Feed, key: str) -> Iterator[PlacedLine]:
    uri = feed.bucket.uri(key)
    for number, text in enumerate(feed.bucket.lines(key), start=1):
        yield PlacedLine(uri, number, text)


def _order(line: PlacedLine) -> tuple[int, str, str, int]:
    try:
        record = json.loads(line.text)
        return (
            time_of(record).ns,
            str(record.get("telephony_id") or ""),
            line.object,
            line.number,
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return 0, "", line.object, line.number  # a foreign line: it has no place in time
