"""An hour lands: its records that S3 lacks become one new object of the feed."""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from duo_pipeline import ndjson
from duo_pipeline.landing import keys
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.feed import Feed
from duo_pipeline.landing.journal import Journal
from duo_pipeline.landing.line import as_sent, identity, line, readings
from duo_pipeline.landing.sorter import Row, Sorter
from duo_pipeline.records import Entry, Reject, time_of

PREVIEW_RECORDS = 5


@dataclass(slots=True)
class Landed:
    """What one reading of an hour brought.

    Attributes:
        records: How many records Duo showed, each once.
        new_records: How many of them S3 lacked, and has now.
        unshown: How many lines S3 has of the hour that Duo did not show in this reading.
        rejects: How many entries cannot land, each counted once, by the reason.
        rejects_uri: The ``s3://`` URI of the object that keeps them, if there are any.
        credits_by_type: Duo's credits, by the record's ``type``.
        first_ns: When the earliest record was, in Unix nanoseconds.
        last_ns: When the latest record was.
        objects: The ``s3://`` URIs of all the log objects that the hour now has.
        had_objects: Whether it had any before.
        first_new_ns: When the earliest new record was.
        preview: The hour's first records as they are written, phone numbers and all.
    """

    records: int = 0
    new_records: int = 0
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
        self._sorter = Sorter()
        self._rejects = Body()
        self._reject_reasons: Counter[str] = Counter()
        self._existing_lines = 0
        self._known_rejects: set[bytes] = set()

    def close(self) -> None:
        """Drop what was taken."""
        self._sorter.close()
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
            except ValueError as error:
                self._reject(Reject(sent, str(error)))
                continue
            cost = sent.get("credits")
            self._sorter.add(
                Row(
                    *(at.ns, _sortable(sent.get("telephony_id")), identity(sent), False, text),
                    type=str(sent.get("type")),
                    credits=cost if isinstance(cost, int) else 0,
                )
            )

    def land(self, there: list[str], journal: list[str], adopted: Sequence[str] = ()) -> Landed:
        """Write the records that S3 lacks, as one new object under the feed.

        What is there is asked of S3 itself, so a rerun, a backfill and a second look are the same harmless
        act.

        Args:
            there: The keys of the hour's log objects.
            journal: The keys of the hour's journal.
            adopted: The keys of its adopted objects.

        Raises:
            BucketError: S3 refused or could not be reached.
        """
        feed = self._feed
        objects: set[str] = set()
        for key in there:
            self._know(key, objects)
        for key in adopted:
            self._note(key, readings)
        landed = self._write(Journal(feed, self._hour, journal, frozenset(there)), objects)
        if self._rejects.lines:
            key = keys.rejects_key(feed.work_prefix, self._hour, self._rejects.sha256)
            feed.bucket.put_new(key, self._rejects)
            landed.rejects_uri = feed.bucket.uri(key)
        landed.rejects = self._reject_reasons
        landed.had_objects = bool(there)
        landed.objects = [feed.bucket.uri(key) for key in sorted(objects)]
        return landed

    def _write(self, journal: Journal, objects: set[str]) -> Landed:
        """Write what is new, after whatever another run has begun to write."""
        mine, landed = "", Landed()
        while True:
            if (begun := journal.settle()) and begun not in objects:
                self._know(begun, objects)
            if begun == mine:  # S3 took it, but its answer was lost, and the SDK wrote it a second time
                return landed
            with Body() as body:
                landed = self._sort_out(body)
                if not body.lines:
                    return landed
                mine = keys.log_key(self._feed.prefix, self._hour, body.sha256)
                if journal.write(body):
                    objects.add(mine)
                    return landed

    def _sort_out(self, body: Body) -> Landed:
        """Write the new lines to a body, and count the records on the way."""
        landed = Landed()
        for rows in self._sorter.records():
            record = rows[0]
            if record.there:
                continue  # Duo no longer shows it
            landed.records += 1
            landed.credits_by_type[record.type] += record.credits
            landed.first_ns = landed.first_ns or record.ns
            landed.last_ns = record.ns
            if len(landed.preview) < PREVIEW_RECORDS:
                landed.preview.append(json.loads(record.line))
            if not rows[-1].there:
                landed.first_new_ns = landed.first_new_ns or record.ns
                body.write(record.line)
        landed.new_records = body.lines
        landed.unshown = max(0, self._existing_lines - (landed.records - body.lines))
        return landed

    def _know(self, key: str, objects: set[str]) -> None:
        """Take note of the lines of a log object."""
        # a line stands for what it was made of, and, read as verbatim, for what it says
        self._note(key, lambda line_: (as_sent(line_), line_))
        objects.add(key)

    def _note(self, key: str, stands_for: Callable[[Mapping[str, Any]], Iterable[Mapping[str, Any]]]) -> None:
        """Take note that S3 has the records which an object's lines stand for."""
        for text in self._feed.bucket.lines(key):
            try:
                record = json.loads(text)
                at = time_of(record)
                telephony_id = _sortable(record.get("telephony_id"))
                same = set(map(identity, stands_for(record)))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                continue  # a foreign line, which is no record of any hour
            self._existing_lines += 1
            for one in same:
                self._sorter.add(Row(at.ns, telephony_id, one, there=True))

    def _reject(self, reject: Reject) -> None:
        text = _reject_line(reject)
        same = hashlib.sha256(text).digest()
        if same not in self._known_rejects:
            self._known_rejects.add(same)
            self._reject_reasons[reject.reason] += 1
            self._rejects.write(text)


def _reject_line(reject: Reject) -> bytes:
    """Write what Duo sent so that no byte of it is lost."""
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


def _sortable(telephony_id: object) -> bytes:
    return str(telephony_id or "").encode(errors="surrogatepass")
