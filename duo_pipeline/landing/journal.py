"""What is about to be written to the feed: why two runs at once, or one that was killed, double nothing.

Before lines become a log object, the same lines become the next entry of the hour's journal, in an object
whose name is a number and which S3 takes once. So of two runs that land the same hour one is the first, and
the other sees what the first one writes before it writes its own. A run that is killed between the two writes
leaves an entry without its log object; the next run that lands the hour writes that object first. No clock
and no lock is involved, and nothing has to be deleted.
"""

from collections.abc import Collection
from datetime import datetime

from duo_pipeline.landing import keys
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.feed import Feed


class Journal:
    """The journal of one hour.

    Args:
        feed: Where it is.
        hour: The hour, in UTC.
        known: The keys that its folder had when somebody looked; there may be more by now.
        there: The keys of the log objects that were there a moment later.

    Raises:
        BucketError: From its methods, when S3 refuses or cannot be reached.
    """

    def __init__(self, feed: Feed, hour: datetime, known: list[str], there: Collection[str]) -> None:
        self._feed = feed
        self._hour = hour
        self._there = there
        self._last = keys.last_entry(known)

    def settle(self) -> str | None:
        """Make sure that the last known entry has its log object; an entry before it always has.

        Returns:
            The key of that log object, or nothing if there is no entry.
        """
        if not self._last:
            return None
        with Body() as body:
            body.write_all(line + b"\n" for line in self._feed.bucket.lines(self._key(self._last)))
            return self._write_log_object(body)

    def write(self, body: Body) -> bool:
        """Write the lines as the next entry, and then to the feed.

        Returns:
            Whether they were written. If not, another run was faster: `settle` tells what it wrote.
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
        if key not in self._there:
            self._feed.put_new(key, body)
        return key
