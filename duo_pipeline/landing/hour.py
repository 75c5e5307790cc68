"""An hour lands: its records that S3 lacks become one new object of the feed."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from duo_pipeline import ndjson
from duo_pipeline.instants import Instant
from duo_pipeline.landing import keys
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.landing.hour_spool import HourSpool
from duo_pipeline.landing.line import RecordFormat, identity, line
from duo_pipeline.records import Entry, Reject

PREVIEW_RECORDS = 5


@dataclass(frozen=True, slots=True)
class Feed:
    """Where and how lines are written.

    Attributes:
        bucket: The bucket.
        prefix: The feed, which SecOps reads: log objects and nothing else.
        work_prefix: Where everything else goes.
        record_format: How a record is written.
    """

    bucket: Bucket
    prefix: str
    work_prefix: str
    record_format: RecordFormat


@dataclass(slots=True)
class Landed:
    """What one reading of an hour brought.

    Attributes:
        records: How many records Duo showed, each once.
        new_records: How many of them S3 lacked, and has now.
        rejects: How many entries no line can be made of.
        credits_by_type: Duo's credits, by the record's ``type``.
        first: The instant of the earliest record.
        last: The instant of the latest record.
        objects: The ``s3://`` URIs of all the log objects that the hour now has.
        had_objects: Whether it had any before.
        preview: The hour's first records as they are written, phone numbers and all.
    """

    records: int = 0
    new_records: int = 0
    rejects: int = 0
    credits_by_type: Counter[str] = field(default_factory=Counter)
    first: Instant | None = None
    last: Instant | None = None
    objects: list[str] = field(default_factory=list)
    had_objects: bool = False
    preview: list[dict[str, Any]] = field(default_factory=list)


def log_objects(feed: Feed, hour: datetime) -> list[str]:
    """List the keys of the hour's log objects."""
    return feed.bucket.keys(feed.prefix + keys.hour_folder(hour))


def land(feed: Feed, hour: datetime, entries: Iterable[Entry], *, host: str) -> Landed:
    """Write the records of an hour that are not in S3 yet, as one new object under the feed.

    What is there is asked of S3 itself, so a rerun, a backfill and a second look are the same harmless act.

    Args:
        feed: Where and how to write.
        hour: The hour, in UTC.
        entries: All that Duo shows of it, in any order; an error from them lands nothing.
        host: The API host, which is written into each line.

    Raises:
        BucketError: S3 refused or could not be reached.
    """
    landed = Landed()
    with HourSpool() as spool, Body() as rejects, Body() as body:
        for entry in entries:
            _take(entry, feed, host, landed, spool, rejects)
        there = log_objects(feed, hour)
        for key in there:
            spool.add_there(_identities(feed.bucket.lines(key)))
        for new in spool.new():
            body.write(new)
        if body.lines:
            key = keys.log_key(feed.prefix, hour, body.sha256)
            feed.bucket.put_new(key, body)
            landed.objects.append(feed.bucket.uri(key))
        if rejects.lines:
            feed.bucket.put_new(keys.rejects_key(feed.work_prefix, hour, rejects.sha256), rejects)
        landed.new_records = body.lines
        landed.rejects = rejects.lines
        landed.had_objects = bool(there)
        landed.objects = sorted({*landed.objects, *(feed.bucket.uri(key) for key in there)})
        landed.preview = [json.loads(one) for one in spool.first(PREVIEW_RECORDS)]
    return landed


def _take(entry: Entry, feed: Feed, host: str, landed: Landed, spool: HourSpool, rejects: Body) -> None:
    if isinstance(entry, Reject):
        rejects.write(_reject_line(entry))
        return
    sent, at = entry.sent, entry.at
    try:
        text = line(sent, utc=at.utc, host=host, record_format=feed.record_format)
    except ValueError:
        rejects.write(_reject_line(Reject(sent, "it holds a number that JSON cannot write")))
        return
    if not spool.add(identity(sent), ns=at.ns, telephony_id=str(sent.get("telephony_id") or ""), line=text):
        return
    landed.records += 1
    landed.first = min(landed.first or at, at)
    landed.last = max(landed.last or at, at)
    if isinstance(cost := sent.get("credits"), int):
        landed.credits_by_type[str(sent.get("type"))] += cost


def _reject_line(reject: Reject) -> bytes:
    try:
        return ndjson.line({"reason": reject.reason, "sent": reject.sent})
    except ValueError:
        return ndjson.line({"reason": reject.reason, "sent_as_text": json.dumps(reject.sent)})


def _identities(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Give the identity of each line that is a record; a foreign object's lines are nobody's."""
    for one in lines:
        try:
            record = json.loads(one)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            yield identity(record)
