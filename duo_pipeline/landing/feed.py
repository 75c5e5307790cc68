"""The feed: where lines are written, and which objects exist."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from threading import Lock

from duo_pipeline.landing import keys
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.landing.line import RecordFormat
from duo_pipeline.landing.store_check import check_store


@dataclass(slots=True)
class Feed:
    """Where and how lines are written.

    Attributes:
        bucket: The bucket.
        prefix: The prefix of the feed, which SecOps reads. It has only log objects.
        work_prefix: The prefix of everything else that is written.
        record_format: How a record is written as a line.
    """

    bucket: Bucket
    prefix: str
    work_prefix: str
    record_format: RecordFormat
    _store_passed: bool = field(default=False, init=False, repr=False, compare=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    def put_new(self, key: str, body: Body) -> bool:
        """Write an object unless its key exists, after a check of the store.

        Returns:
            Whether it was written.

        Raises:
            BucketError: The store has not passed the check, or S3 refused a request or could not be reached.
        """
        with self._lock:  # the store is checked once for all threads
            if not self._store_passed:
                check_store(self.bucket, keys.probe_key(self.work_prefix))
                self._store_passed = True
        return self.bucket.put_new(key, body)


class Listing:
    """Lists the keys of an hour. It lists a whole day at a time, so that a backfill needs few requests to S3.

    Args:
        bucket: The bucket.
        prefix: The part of the keys before ``dt=…/hour=…/``.

    Raises:
        BucketError: From its methods, if S3 refuses the request or cannot be reached.
    """

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._day = ""
        self._keys: list[str] = []

    def of(self, hour: datetime) -> list[str]:
        """Return the keys of the hour's objects, in order. Request the hours in time order."""
        day = self._prefix + keys.day_folder(hour)
        if day != self._day:
            self._keys = self._bucket.keys(day)
            self._day = day
        folder = self._prefix + keys.hour_folder(hour)
        return [key for key in self._keys if key.startswith(folder)]


class AdoptedListing(Listing):
    """Lists the keys of the adopted records of an hour.

    This costs one request, and one more for each day that has adopted records. A feed that was never taken
    over, and the days after the takeover, cost nothing else.

    Args:
        feed: The feed that may have been taken over.
    """

    def __init__(self, feed: Feed) -> None:
        super().__init__(feed.bucket, keys.adopted_prefix(feed.work_prefix, feed.prefix))

    def of(self, hour: datetime) -> list[str]:
        """Return the keys of the hour's adopted objects, in order."""
        return super().of(hour) if keys.day_folder(hour) in self._days else []

    @cached_property
    def _days(self) -> frozenset[str]:
        return frozenset(self._bucket.folders(self._prefix))
