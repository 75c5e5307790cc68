"""Read the lines of an hour from the feed."""

from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

from duo_pipeline import ndjson
from duo_pipeline.landing.feed import Feed
from duo_pipeline.landing.line import record_id
from duo_pipeline.landing.sorter import Row, Sorter
from duo_pipeline.masking import shown_key
from duo_pipeline.records import time_of


class PlacedLine(NamedTuple):
    """One line of a log object, and its place.

    Attributes:
        object: The ``s3://`` URI of the log object; of a foreign object, as people may see it.
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
        SpillError: The lines of several objects need a temporary file, and it cannot be written.
    """
    return _lines(feed, keys[0]) if len(keys) == 1 else _sorted(feed, keys)


def _sorted(feed: Feed, keys: list[str]) -> Iterator[PlacedLine]:
    """Yield the lines of several objects in order. One object after the other is read: there may be many."""
    with closing(Sorter()) as sorter:
        for at, key in enumerate(keys):
            for line in _lines(feed, key):
                ns, id_ = _time_and_id(line.text)
                # not the object's name: foreign objects may have the same one, as people see it
                place = f"{at:09}:{line.number:09}".encode()
                sorter.add(Row(ns, id_, place, existing=True, line=line.text))
        for (row,) in sorter.records():
            at_, _, number = row.fingerprint.decode().partition(":")
            yield PlacedLine(_shown_uri(feed, keys[int(at_)]), int(number), row.line)


def _lines(feed: Feed, key: str) -> Iterator[PlacedLine]:
    uri = _shown_uri(feed, key)
    for number, text in enumerate(feed.bucket.lines(key), start=1):
        yield PlacedLine(uri, number, text)


def _shown_uri(feed: Feed, key: str) -> str:
    return feed.bucket.uri(shown_key(key))


def _time_and_id(text: bytes) -> tuple[int, bytes]:
    record = ndjson.record(text) or {}
    try:
        return time_of(record).ns, record_id(record)
    except (ValueError, RecursionError):
        return 0, b""  # a foreign line, which has no time
