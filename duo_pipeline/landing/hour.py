"""Land an hour: write the records that S3 does not have yet as one new object of the feed."""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from duo_pipeline import ndjson
from duo_pipeline.landing import keys
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.feed import Feed
from duo_pipeline.landing.journal import Journal
from duo_pipeline.landing.line import as_sent, cost_of, fingerprint, line, possible_records, record_id
from duo_pipeline.landing.sorter import Row, Sorter
from duo_pipeline.records import Item, Reject, time_of

PREVIEW_RECORDS = 5


@dataclass(slots=True)
class Landed:
    """The result of one reading of an hour.

    Attributes:
        records: How many different records Duo showed.
        new_records: How many of them S3 did not have before.
        changed_records: How many of the new records are another version of a record that S3 has, or that came
            as well: the id and the time are the same, and another field is not.
        unshown: How many lines S3 has of the hour that Duo did not show in this reading.
        rejects: How many different items cannot land, by reason.
        rejects_uri: The ``s3://`` URI of the object with the rejects, if there are any.
        credits_by_type: Duo's credits, by the record's ``type``.
        first_ns: The time of the earliest record, in Unix nanoseconds.
        last_ns: The time of the latest record.
        first_new_ns: The time of the earliest new record.
        objects: The ``s3://`` URIs of all log objects that the hour now has.
        had_objects: Whether the hour had log objects before.
        preview: The first records of the hour as they are written, with their phone numbers unmasked.
    """

    records: int = 0
    new_records: int = 0
    changed_records: int = 0
    unshown: int = 0
    rejects: Counter[str] = field(default_factory=Counter)
    rejects_uri: str = ""
    credits_by_type: Counter[str] = field(default_factory=Counter)
    first_ns: int | None = None
    last_ns: int | None = None
    first_new_ns: int | None = None
    objects: list[str] = field(default_factory=list)
    had_objects: bool = False
    preview: list[dict[str, Any]] = field(default_factory=list)


class HourLanding:
    """Takes all items of one hour, and then lands them.

    Args:
        feed: Where and how to write.
        hour: The hour, in UTC.
        host: The API host, which is written into each line.
    """

    def __init__(self, feed: Feed, hour: datetime, *, host: str) -> None:
        self._feed = feed
        self._hour = hour
        self._host = host
        self._sorter = Sorter()
        self._rejects = Body()
        self._reject_reasons: Counter[str] = Counter()
        self._existing_lines = 0
        self._objects: set[str] = set()
        self._known_rejects: set[bytes] = set()

    def close(self) -> None:
        """Delete the items that were taken."""
        self._sorter.close()
        self._rejects.close()

    def take(self, items: Iterable[Item]) -> None:
        """Take items of the hour, in any order."""
        for item in items:
            if isinstance(item, Reject):
                self._reject(item)
                continue
            sent, at = item.sent, item.at
            try:
                text = line(sent, utc=at.utc, host=self._host, record_format=self._feed.record_format)
            except ValueError as error:
                self._reject(Reject(sent, str(error)))
                continue
            row = Row(at.ns, record_id(sent), fingerprint(sent), False, text, *cost_of(sent))
            self._sorter.add(row)

    def land(self, existing: list[str], journal: list[str], adopted: Sequence[str] = ()) -> Landed:
        """Write the records that S3 does not have yet, as one new object of the feed.

        The existing records are read from S3, so that a rerun, a backfill and a reconciliation do no harm.

        Args:
            existing: The keys of the hour's log objects.
            journal: The keys of the hour's journal.
            adopted: The keys of the hour's adopted objects.

        Raises:
            BucketError: S3 refused a request or could not be reached.
        """
        feed = self._feed
        for key in existing:
            self._read_log_object(key)
        for key in adopted:
            self._read(key, possible_records)
        landed = self._write(Journal(feed, self._hour, journal, frozenset(existing)))
        if self._rejects.lines:
            key = keys.rejects_key(feed.work_prefix, self._hour, self._rejects.sha256)
            feed.bucket.put_new(key, self._rejects)
            landed.rejects_uri = feed.bucket.uri(key)
        landed.rejects = self._reject_reasons
        # foreign objects have been read, but are not what the pipeline has landed
        landed.had_objects = any(keys.is_log_key(feed.prefix, key) for key in existing)
        own = (key for key in sorted(self._objects) if keys.is_log_key(feed.prefix, key))
        landed.objects = [feed.bucket.uri(key) for key in own]
        return landed

    def _write(self, journal: Journal) -> Landed:
        """Write the new records, after the object that another run may have begun."""
        own, landed = "", Landed()
        while True:
            if (begun := journal.finish_last_entry()) and begun not in self._objects:
                self._read_log_object(begun)
            if begun == own:  # S3 wrote it, but its answer was lost, and the SDK tried to write it again
                return landed
            with Body() as body:
                landed = self._write_new_lines(body)
                if not body.lines:
                    return landed
                own = keys.log_key(self._feed.prefix, self._hour, body.sha256)
                if journal.write(body):
                    self._objects.add(own)
                    return landed

    def _write_new_lines(self, body: Body) -> Landed:
        """Write the new lines to a body, and return the counts of the records."""
        landed = Landed()
        for (_, record_id_), versions in groupby(self._sorter.records(), lambda rows: rows[0][:2]):
            new, existing = 0, False
            for rows in versions:
                record = rows[0]
                existing = existing or rows[-1].existing
                if record.existing:
                    continue  # Duo no longer shows this record
                landed.records += 1
                landed.credits_by_type[record.type] += record.credits
                landed.first_ns = landed.first_ns or record.ns
                landed.last_ns = record.ns
                if len(landed.preview) < PREVIEW_RECORDS:
                    landed.preview.append(json.loads(record.line))
                if not rows[-1].existing:
                    landed.first_new_ns = landed.first_new_ns or record.ns
                    body.write(record.line)
                    new += 1
            if new and record_id_:
                landed.changed_records += new if existing else new - 1
        landed.new_records = body.lines
        landed.unshown = max(0, self._existing_lines - (landed.records - body.lines))
        return landed

    def _read_log_object(self, key: str) -> None:
        # a line may be in either format, so it counts as both: the record it was made of, and itself
        self._read(key, lambda line_: (as_sent(line_), line_))
        self._objects.add(key)

    def _read(self, key: str, records_of: Callable[[Mapping[str, Any]], Iterable[Mapping[str, Any]]]) -> None:
        """Add the records of an object's lines as existing ones."""
        for text in self._feed.bucket.lines(key):
            line_ = ndjson.record(text) or {}
            try:
                at = time_of(line_)
                own_id = record_id(line_)
                fingerprints = set(map(fingerprint, records_of(line_)))
            except (ValueError, RecursionError):
                continue  # a foreign line, which is not a record of any hour
            self._existing_lines += 1
            for one in fingerprints:
                self._sorter.add(Row(at.ns, own_id, one, existing=True))

    def _reject(self, reject: Reject) -> None:
        text = _reject_line(reject)
        digest = hashlib.sha256(text).digest()
        if digest not in self._known_rejects:
            self._known_rejects.add(digest)
            self._reject_reasons[reject.reason] += 1
            self._rejects.write(text)


def _reject_line(reject: Reject) -> bytes:
    """Return a reject as a line that keeps every byte that Duo sent."""
    sent = reject.sent
    if isinstance(sent, bytes):
        try:
            return ndjson.line({"reason": reject.reason, "sent_as_text": sent.decode()})
        except UnicodeDecodeError:
            return ndjson.line({"reason": reject.reason, "sent_as_base64": base64.b64encode(sent).decode()})
    try:
        return ndjson.line({"reason": reject.reason, "sent": sent})
    except ValueError:
        return ndjson.line({"reason": reject.reason, "sent_as_text": json.dumps(sent)})
