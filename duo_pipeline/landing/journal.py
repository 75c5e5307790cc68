"""Write lines to a journal before the feed, so that concurrent or killed runs never double a record.

Before lines become a log object, the same lines become the next entry of the hour's journal. The key of an
entry is a number, and S3 accepts each key only once. So if two runs land the same hour, one of them is first,
and the other reads what the first one writes before it writes its own lines. A run that is killed between the
two writes leaves an entry without a log object. The next run that lands the hour writes that object first.
This needs no clock and no lock, and nothing has to be deleted.
"""

from collections.abc import Collection
from datetime import datetime

from duo_pipeline.landing import keys
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.feed import Feed


class Journal:
    """The journal of one hour.

    Args:
        feed: The feed that the journal belongs to.
        hour: The hour, in UTC.
        known: The keys of the journal's folder, as listed; there may be more by now.
        existing: The keys of the hour's log objects, listed after the journal.

    Raises:
        BucketError: From its methods, if S3 refuses the request or cannot be reached.
    """

    def __init__(self, feed: Feed, hour: datetime, known: list[str], existing: Collection[str]) -> None:
        self._feed = feed
        self._hour = hour
        self._existing = existing
        self._last = keys.last_entry(known)

    def finish_last_entry(self) -> str | None:
        """Make sure that the last known entry has a log object; earlier entries always have one.

        Returns:
            The key of that log object, or None if there is no entry.
        """
        if not self._last:
            return None
        with Body() as body:
            body.write_all(line + b"\n" for line in self._feed.bucket.lines(self._key(self._last)))
            return self._write_log_object(body)

    def write(self, body: Body) -> bool:
        """Write the lines as the next entry, and then to the feed.

        Returns:
            Whether they were written. If not, another run was faster: `finish_last_entry` returns the log
            object of what it wrote.
        """
        self._last += 1
        if not self._feed.put_new(self._key(self._last), body):
            return False
        self._write_log_object(body)
        return True

    def _key(self, number: int) -> str:
        return keys.journal_key(self._feed.work_prefix, self._feed.prefix, self._hour, number)

    def _write_log_object(self, body: Body) -> str:
        key = keys.log_key(self._feed.prefix, self._hour, body.sha256)
        if key not in self._existing:
            self._feed.put_new(key, body)
        return key
