"""The feed: where lines are written, and which objects are there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from duo_pipeline.landing import keys
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.landing.condition import Condition
from duo_pipeline.landing.line import RecordFormat


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
    _condition: Condition = field(default_factory=Condition, init=False, repr=False, compare=False)

    def put_new(self, key: str, body: Body) -> bool:
        """Write an object unless there is one of that name, in a store that keeps this condition.

        Returns:
            Whether it was written.

        Raises:
            BucketError: The store does not keep it, or S3 refused or could not be reached.
        """
        self._condition.require(self.bucket, keys.probe_key(self.work_prefix))
        return self.bucket.put_new(key, body)


class Listing:
    """The keys below a prefix by hour: a backfill asks S3 once a day for them, and not once an hour.

    Args:
        bucket: The bucket.
        prefix: What stands before ``dt=…/hour=…/``.

    Raises:
        BucketError: From its methods, when S3 refuses or cannot be reached.
    """

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._day = ""
        self._keys: Mapping[str, list[str]] = {}

    def of(self, hour: datetime) -> list[str]:
        """Give the keys of the hour's objects, in order; asked for in time order, each day is listed once."""
        day = self._prefix + keys.day_folder(hour)
        if day != self._day:
            listed: dict[str, list[str]] = {}
            for key in self._bucket.keys(day):
                listed.setdefault(key[: len(day) + len("hour=00/")], []).append(key)
            self._day, self._keys = day, listed
        return self._keys.get(self._prefix + keys.hour_folder(hour), [])


class AdoptedListing:
    """The keys of the records that were adopted, by hour.

    It costs one request, and another one for each day of which there are any: a feed that nobody had
    before, and the days since it was taken over, ask S3 for nothing else.

    Args:
        feed: The feed that was taken over.

    Raises:
        BucketError: From its methods, when S3 refuses or cannot be reached.
    """

    def __init__(self, feed: Feed) -> None:
        self._bucket = feed.bucket
        self._prefix = keys.adopted_prefix(feed.work_prefix, feed.prefix)
        self._listing = Listing(feed.bucket, self._prefix)

    def of(self, hour: datetime) -> list[str]:
        """Give the keys of the hour's adopted objects, in order."""
        return self._listing.of(hour) if keys.day_folder(hour) in self._days else []

    @cached_property
    def _days(self) -> frozenset[str]:
        return frozenset(self._bucket.folders(self._prefix))
