"""Land several hours at the same time in the background, while the next hours are read from Duo."""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Self

from duo_pipeline.landing import keys
from duo_pipeline.landing.bucket import BucketError
from duo_pipeline.landing.feed import AdoptedListing, Feed, Listing
from duo_pipeline.landing.hour import HourLanding, Landed
from duo_pipeline.landing.spill import SpillError
from duo_pipeline.records import Item

CONCURRENT_HOURS = 8
"""How many hours land at the same time: S3 takes longer to answer than an hour takes to compute."""
FAILED_AT_FIRST = 3
"""If this many hours have failed and none has landed, the reason is not in the hours."""


class HourQueue:
    """Lands hours in the background, and reports them in time order.

    An hour fails if S3 refuses something that only this hour needs (an object in an archive, a key without
    access), or if there is no room for its temporary files. The later hours go on.

    Args:
        feed: Where and how to write.
        host: The API host, which is written into each line.
        on_landed: Called for each hour that has landed, in time order, from within the methods.

    Attributes:
        failed: The hours that have failed, in time order, with the reason. They are not reported.

    Raises:
        BucketError: From its methods, if S3 cannot be reached, or refuses something that every hour needs.
            `on_landed` is then not called for later hours.
    """

    def __init__(self, feed: Feed, *, host: str, on_landed: Callable[[datetime, Landed], None]) -> None:
        self._feed = feed
        self._host = host
        self._on_landed = on_landed
        self._existing = Listing(feed.bucket, feed.prefix)
        self._journal = Listing(feed.bucket, keys.journal_prefix(feed.work_prefix, feed.prefix))
        self._adopted = AdoptedListing(feed)
        self._threads = ThreadPoolExecutor(CONCURRENT_HOURS)
        self.failed: dict[datetime, BucketError | SpillError] = {}
        self._has_landed = False
        self._pending: deque[tuple[datetime, Future[Landed]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def land(self, hour: datetime, items: Iterable[Item]) -> None:
        """Take all items of an hour and begin to land it; if the items raise an error, nothing lands."""
        items = iter(items)
        landing = HourLanding(self._feed, hour, host=self._host)
        try:
            landing.take(items)
            pending = self._begin(landing, hour)
        except SpillError as error:
            landing.close()
            deque(items, maxlen=0)  # the items of the next hour come after them
            pending = _failed(error)
        except BaseException:
            landing.close()
            raise
        self._pending.append((hour, pending))
        self._report(CONCURRENT_HOURS)

    def finish(self) -> None:
        """Wait until every hour has landed or failed."""
        self._report(0)

    def _begin(self, landing: HourLanding, hour: datetime) -> Future[Landed]:
        try:
            # the journal first: all its entries except the last have a log object, which is then listed
            journal = self._journal.of(hour)
            existing = self._existing.of(hour)
            adopted = self._adopted.of(hour)
        except BucketError as error:
            landing.close()
            return _failed(error)
        landed = self._threads.submit(landing.land, existing, journal, adopted)
        landed.add_done_callback(lambda _: landing.close())  # also if it is cancelled before it begins
        return landed

    def _report(self, at_most: int) -> None:
        """Report the oldest hours until at most ``at_most`` are pending, and those that are already done."""
        while self._pending and (len(self._pending) > at_most or self._pending[0][1].done()):
            hour, landed = self._pending.popleft()
            try:
                result = landed.result()
            except BaseException as error:
                if isinstance(error, BucketError | SpillError) and self._concerns_one_hour(hour, error):
                    continue
                self._pending.clear()
                raise
            self._has_landed = True
            self._on_landed(hour, result)

    def _concerns_one_hour(self, hour: datetime, error: BucketError | SpillError) -> bool:
        """Return whether the later hours may go on, and note the hour as failed unless all fail alike."""
        if error.scope == "each key":
            return False
        self.failed[hour] = error
        if error.scope == "unclear" and not self._has_landed:
            return sum(one.scope == "unclear" for one in self.failed.values()) < FAILED_AT_FIRST
        return True


def _failed(error: BucketError | SpillError) -> Future[Landed]:
    failed: Future[Landed] = Future()
    failed.set_exception(error)
    return failed
