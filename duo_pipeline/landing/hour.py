"""An hour lands: its records that S3 lacks become one new object of the feed."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from duo_pipeline import ndjson
from duo_pipeline.instants import Instant
from duo_pipeline.landing import keys
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.feed import Feed
from duo_pipeline.landing.hour_spool import HourSpool
from duo_pipeline.landing.journal import Journal
from duo_pipeline.landing.line import identity, line
from duo_pipeline.records import Entry, Reject

PREVIEW_RECORDS = 5


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


class HourLanding:
    """One hour on its way to S3: first all of its entries are taken, then it lands.

    Args:
        feed: Where and how to write.
        hour: The hour, in UTC.
        host: The API host, which is written into each line.
    """

    def __init__(self, feed: Feed, hour: datetime, *, host: str) -> None:
        self._feed = feed
        self._hour = hour
        self._host = host
        self._landed = Landed()
        self._spool = HourSpool()
        self._rejects = Body()

    def close(self) -> None:
        """Drop what was taken."""
        self._spool.close()
        self._rejects.close()

    def take(self, entries: Iterable[Entry]) -> None:
        """Take what Duo shows of the hour, in any order."""
        for entry in entries:
            if isinstance(entry, Reject):
                self._reject(entry)
                continue
            sent, at = entry.sent, entry.at
            try:
                text = line(sent, utc=at.utc, host=self._host, record_format=self._feed.record_format)
            except ValueError:
                self._reject(Reject(sent, "it holds a number that JSON cannot write"))
                continue
            telephony_id = str(sent.get("telephony_id") or "")
            if not self._spool.add(identity(sent), ns=at.ns, telephony_id=telephony_id, line=text):
                continue
            landed = self._landed
            landed.records += 1
            landed.first = min(landed.first or at, at)
            landed.last = max(landed.last or at, at)
            if isinstance(cost := sent.get("credits"), int):
                landed.credits_by_type[str(sent.get("type"))] += cost

    def land(self, there: list[str], journal: list[str]) -> Landed:
        """Write the records that S3 lacks, as one new object under the feed.

        What is there is asked of S3 itself, so a rerun, a backfill and a second look are the same harmless
        act.

        Args:
            there: The keys of the hour's log objects.
            journal: The keys of the hour's journal.

        Raises:
            BucketError: S3 refused or could not be reached.
        """
        feed, landed = self._feed, self._landed
        landed.had_objects = bool(there)
        objects: set[str] = set()
        for key in there:
            self._know(key, objects)
        self._write(Journal(feed, self._hour, journal), objects)
        if self._rejects.lines:
            feed.bucket.put_new(
                keys.rejects_key(feed.work_prefix, self._hour, self._rejects.sha256), self._rejects
            )
        landed.rejects = self._rejects.lines
        landed.objects = [feed.bucket.uri(key) for key in sorted(objects)]
        landed.preview = [json.loads(one) for one in self._spool.first(PREVIEW_RECORDS)]
        return landed

    def _write(self, journal: Journal, objects: set[str]) -> None:
        """Write what is new, after whatever another run has begun to write."""
        mine = ""
        while True:
            if (begun := journal.settle()) and begun not in objects:
                self._know(begun, objects)
            if begun == mine:  # S3 took it, but its answer was lost, and the SDK wrote it a second time
                return
            with Body() as body:
                for new in self._spool.new():
                    body.write(new)
                self._landed.new_records = body.lines
                if not body.lines:
                    return
                mine = keys.log_key(self._feed.prefix, self._hour, body.sha256)
                if journal.write(body):
                    objects.add(mine)
                    return

    def _know(self, key: str, objects: set[str]) -> None:
        """Take note of the lines of a log object."""
        self._spool.add_there(_identities(self._feed.bucket.lines(key)))
        objects.add(key)

    def _reject(self, reject: Reject) -> None:
        try:
            self._rejects.write(ndjson.line({"reason": reject.reason, "sent": reject.sent}))
        except ValueError:
            text = json.dumps(reject.sent)
            self._rejects.write(ndjson.line({"reason": reject.reason, "sent_as_text": text}))


def _identities(lines: Iterable[bytes]) -> Iterable[bytes]:
    """Give the identity of each line that is a record; a foreign object's lines are nobody's."""
    for one in lines:
        try:
            record = json.loads(one)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            yield identity(record)
