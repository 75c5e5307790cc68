"""Take a feed over: from then on, the records that another collector has left in it count as landed.

The records are copied by hour to the work prefix, where landing reads them in addition to the log objects.
The feed itself is only read, never changed. The key of a copy has a hash of its content. So a second
adoption, after an interruption or when there are more records, writes only what is missing.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby

from duo_pipeline import instants, ndjson
from duo_pipeline.adoption import lambda_objects
from duo_pipeline.landing import keys
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.feed import Feed
from duo_pipeline.landing.line import fingerprint
from duo_pipeline.landing.packed import PackedError
from duo_pipeline.landing.sorter import Row, Sorter
from duo_pipeline.masking import shown_key
from duo_pipeline.records import time_of

CONCURRENT_OBJECTS = 8
NAMED_UNREADABLE = 100
"""How many unreadable places of one object are kept: the object may not be a log at all."""


@dataclass(slots=True)
class Adopted:
    """The content of one object of the other collector.

    Attributes:
        uri: The ``s3://`` URI of the object.
        records: How many different records it has.
        doubled: How many lines repeat a record.
        unreadable: How many values or lines are not a record.
        unreadable_at: The places of the first of those, each with the reason.
        hours: The hours of the records, in order.
        new_copies: For how many hours a copy was written; the other copies existed.
    """

    uri: str
    records: int = 0
    doubled: int = 0
    unreadable: int = 0
    unreadable_at: list[tuple[str, str]] = field(default_factory=list)
    hours: list[datetime] = field(default_factory=list)
    new_copies: int = 0

    def note_unreadable(self, place: str, reason: str) -> None:
        """Count something that is not a record, and keep its place unless there are too many."""
        self.unreadable += 1
        if len(self.unreadable_at) < NAMED_UNREADABLE:
            self.unreadable_at.append((place, reason))


def adopt(feed: Feed, objects: list[str]) -> Iterator[Adopted]:
    """Adopt the records of some objects, and yield a result for each object, in order.

    Args:
        feed: The feed that is taken over.
        objects: The keys of the other collector's objects in the feed.

    Raises:
        BucketError: S3 refused a request or could not be reached; the objects yielded before are adopted.
    """
    copies = frozenset(feed.bucket.keys(keys.adopted_prefix(feed.work_prefix, feed.prefix)))
    with ThreadPoolExecutor(CONCURRENT_OBJECTS) as threads:
        yield from threads.map(lambda key: _adopt(feed, key, copies), objects)


def _adopt(feed: Feed, key: str, copies: frozenset[str]) -> Adopted:
    adopted = Adopted(feed.bucket.uri(key))
    with closing(Sorter()) as sorter:
        try:
            for place, value in lambda_objects.values(feed.bucket, key):
                try:
                    sorter.add(_row(value))
                except ValueError as error:
                    adopted.note_unreadable(place, str(error))
        except PackedError as error:
            adopted.note_unreadable(feed.bucket.uri(shown_key(key)), f"{error} (what came before it counts)")
        for hour, records in groupby(sorter.records(), lambda rows: rows[0].ns // instants.HOUR_NS):
            start = datetime.fromtimestamp(hour * 3600, UTC)
            with Body() as copy:
                for rows in records:
                    copy.write(rows[0].line)
                    adopted.doubled += len(rows) - 1
                name = keys.adopted_key(feed.work_prefix, feed.prefix, start, copy.sha256)
                if name not in copies:
                    adopted.new_copies += feed.bucket.put_new(name, copy)
                adopted.records += copy.lines
            adopted.hours.append(start)
    return adopted


def _row(value: object) -> Row:
    """Return the row of a record.

    Raises:
        ValueError: The value is not a record; the text says why.
    """
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    at = time_of(value)
    return Row(at.ns, b"", fingerprint(value), False, ndjson.line(value))
