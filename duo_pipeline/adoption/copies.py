"""A feed is taken over: what another collector has left in it counts as there from then on.

Its records are copied, by hour, to below the work prefix, where landing looks for them as it looks for lines
in log objects. The feed itself is read and never touched. The copies are named by what is in them, so
adopting again, after a stop or when there is more, writes what is missing and nothing else.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby

from duo_pipeline import instants, ndjson
from duo_pipeline.adoption import lambda_objects
from duo_pipeline.landing import keys
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.feed import Feed
from duo_pipeline.landing.hour_queue import AT_ONCE
from duo_pipeline.landing.line import identity
from duo_pipeline.landing.sorter import Row, Sorter
from duo_pipeline.records import time_of

NAMED_UNREADABLE = 100
"""Of one object, so many places are kept: it may be no log at all."""


@dataclass(slots=True)
class Adopted:
    """What one object of the other collector held.

    Attributes:
        uri: Its ``s3://`` URI.
        records: How many records, each once.
        doubled: How many more times they stand in it.
        unreadable: How many values or lines are no record.
        unreadable_at: Where the first of those stand, each with the reason.
        hours: The hours of the records, in order.
        new_copies: How many hours' copies were written; the others were there.
    """

    uri: str
    records: int = 0
    doubled: int = 0
    unreadable: int = 0
    unreadable_at: list[tuple[str, str]] = field(default_factory=list)
    hours: list[datetime] = field(default_factory=list)
    new_copies: int = 0


def adopt(feed: Feed, objects: list[str]) -> Iterator[Adopted]:
    """Adopt the records of some objects, and tell of each object in their order.

    Args:
        feed: The feed that is taken over.
        objects: The keys of the other collector's objects in it.

    Raises:
        BucketError: S3 refused or could not be reached; what was told of before that is adopted.
    """
    copies = frozenset(feed.bucket.keys(keys.adopted_prefix(feed.work_prefix, feed.prefix)))
    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield from threads.map(lambda key: _adopt(feed, key, copies), objects)


def _adopt(feed: Feed, key: str, copies: frozenset[str]) -> Adopted:
    adopted = Adopted(feed.bucket.uri(key))
    sorter = Sorter()
    try:
        for place, value in lambda_objects.values(feed.bucket, key):
            try:
                sorter.add(_row(value))
            except ValueError as error:
                adopted.unreadable += 1
                if len(adopted.unreadable_at) < NAMED_UNREADABLE:
                    adopted.unreadable_at.append((place, str(error)))
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
    finally:
        sorter.close()
    return adopted


def _row(value: object) -> Row:
    """Make the row of a record.

    Raises:
        ValueError: It is none; the text says why.
    """
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    at = time_of(value)
    return Row(at.ns, b"", identity(value), False, ndjson.line(value))
