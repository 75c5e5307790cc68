"""Hours on their way to S3, a few at a time, while Duo is read on."""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from types import TracebackType
from typing import Self

from duo_pipeline.landing import keys
from duo_pipeline.landing.bucket import BucketError
from duo_pipeline.landing.feed import AdoptedListing, Feed, Listing
from duo_pipeline.landing.hour import HourLanding, Landed
from duo_pipeline.records import Entry

AT_ONCE = 8
"""How many hours are on their way: S3 takes longer to answer than an hour takes to compute."""
FAILED_AT_FIRST = 3
"""When so many hours have failed, and none has landed, it is not the hours."""


class HourQueue:
    """Lands hours in the background, and tells of each when those before it have landed or failed.

    An hour fails when S3 refuses what only this hour needs: an object in an archive, a key without access.
    The hours after it go on.

    Args:
        feed: Where and how to write.
        host: The API host, which is written into each line.
        on_landed: Is told of each hour that has landed, in their order, from within the methods.

    Attributes:
        failed: The hours that have failed, in their order, and why. `on_landed` is not told of them.

    Raises:
        BucketError: From its methods, when S3 cannot be reached, or refuses what each hour needs; of the
            hours after the one it happened to nothing is told.
    """

    def __init__(self, feed: Feed, *, host: str, on_landed: Callable[[datetime, Landed], None]) -> None:
        self._feed = feed
        self._host = host
        self._on_landed = on_landed
        self._there = Listing(feed.bucket, feed.prefix)
        self._journal = Listing(feed.bucket, keys.journal_prefix(feed.work_prefix, feed.prefix))
        self._adopted = AdoptedListing(feed)
        self._threads = ThreadPoolExecutor(AT_ONCE)
        self.failed: dict[datetime, BucketError] = {}
        self._has_landed = False
        self._on_the_way: deque[tuple[datetime, Future[Landed]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(cancel_futures=True)

    def land(self, hour: datetime, entries: Iterable[Entry]) -> None:
        """Take all entries of an hour, and send it on its way; an error from them lands nothing of it."""
        landing = HourLanding(self._feed, hour, host=self._host)
        try:
            landing.take(entries)
            on_the_way = self._begin(landing, hour)
        except BaseException:
            landing.close()
            raise
        self._on_the_way.append((hour, on_the_way))
        self._tell(AT_ONCE)

    def finish(self) -> None:
        """Wait until all that is on its way has landed or failed."""
        self._tell(0)

    def _begin(self, landing: HourLanding, hour: datetime) -> Future[Landed]:
        try:
            # the journal first: each of its entries but the last has its log object, which then is listed
            journal = self._journal.of(hour)
            there = self._there.of(hour)
            adopted = self._adopted.of(hour)
        except BucketError as error:
            landing.close()
            failed: Future[Landed] = Future()
            failed.set_exception(error)
            return failed
        return self._threads.submit(_land, landing, there, journal, adopted)

    def _tell(self, at_most: int) -> None:
        while self._on_the_way and (len(self._on_the_way) > at_most or self._on_the_way[0][1].done()):
            hour, landed = self._on_the_way.popleft()
            try:
                result = landed.result()
            except BucketError as error:
                if error.scope != "each key":
                    self.failed[hour] = error
                if not self._is_of_the_hour(error):
                    self._on_the_way.clear()
                    raise
                continue
            except BaseException:
                self._on_the_way.clear()
                raise
            self._has_landed = True
            self._on_landed(hour, result)

    def _is_of_the_hour(self, error: BucketError) -> bool:
        if error.scope == "unclear" and not self._has_landed:
            return sum(one.scope == "unclear" for one in self.failed.values()) < FAILED_AT_FIRST
        return error.scope != "each key"


def _land(landing: HourLanding, there: list[str], journal: list[str], adopted: list[str]) -> Landed:
    try:
        return landing.land(there, journal, adopted)
    finally:
        landing.close()
