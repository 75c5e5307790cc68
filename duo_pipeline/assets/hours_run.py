"""The hours of one run, on their way from Duo to S3 and into Dagster's knowledge."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import dagster as dg

from duo_pipeline.assets.figures import landed_figures
from duo_pipeline.assets.progress import Progress
from duo_pipeline.assets.recording import Recording
from duo_pipeline.duo.errors import DuoError
from duo_pipeline.duo.telephony_log import TelephonyLog
from duo_pipeline.landing.feed import Feed
from duo_pipeline.landing.hour import Landed
from duo_pipeline.landing.hour_queue import HourQueue
from duo_pipeline.partitions import HOUR, key_of
from duo_pipeline.records import Entry
from duo_pipeline.resources import DuoAdminApi
from duo_pipeline.settings import DuoSettings


class IncompleteLogError(DuoError):
    """Duo counts more records than it showed; what it showed has landed."""


class HoursRun:
    """Reads contiguous hours with one query, and lands and records each when it is complete.

    Args:
        context: The step's context.
        recording: Is told of each hour that has landed.
        duo_admin_api: Duo.
        duo: How to reach it.
        feed: Where and how to write.
    """

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        recording: Recording,
        duo_admin_api: DuoAdminApi,
        duo: DuoSettings,
        feed: Feed,
    ) -> None:
        self._log_line = context.log
        self._recording = recording
        self._api = duo_admin_api.open(duo, self._on_wait)
        self._known = context.instance.get_materialized_partitions(context.asset_key)
        self._progress = Progress(context.log.info)
        self._queue = HourQueue(feed, host=self._api.host.name, on_landed=self._on_landed)
        self._requests: dict[datetime, int] = {}
        self._requests_before = 0

    def land(self, hours: list[datetime]) -> None:
        """Land the hours, given in order and without a gap.

        Raises:
            DuoError: A page could not be had; the hours before it have landed and are told of.
            IncompleteLogError: Duo counts more than it showed.
            BucketError: S3 refused or could not be reached.
        """
        self._log = TelephonyLog(self._api, hours[0], hours[-1] + HOUR, self._on_page)
        with self._queue:
            try:
                for hour, entries in self._log.hours():
                    self._queue.land(hour, self._counted(hour, entries))
            finally:
                self._queue.finish()
        if self._log.missing:
            raise IncompleteLogError(
                f"Duo counts {self._log.missing:,} records more than it showed for {span(hours)}: what it"
                " showed has landed, run these hours again for the rest."
            )

    def _counted(self, hour: datetime, entries: Iterator[Entry]) -> Iterator[Entry]:
        """Give the entries, and then note how many requests they took."""
        yield from entries
        sent = self._api.requests_sent
        self._requests[hour], self._requests_before = sent - self._requests_before, sent

    def _on_landed(self, hour: datetime, landed: Landed) -> None:
        read_before = key_of(hour) in self._known
        requests = self._requests[hour]
        figures = landed_figures(landed, log=self._log, requests=requests, read_before=read_before)
        self._recording.add(hour, figures)

    def _on_page(self, log: TelephonyLog) -> None:
        self._progress.page(log)
        self._recording.write_if_due()

    def _on_wait(self, reason: str, seconds: float) -> None:
        """Record what has landed before a wait, which may be longer than people should be left without it."""
        self._queue.finish()
        self._recording.write()
        self._log_line.warning(f"{reason}; the next try is in {seconds:.0f} s")


def span(hours: Iterable[datetime]) -> str:
    """Name contiguous hours as Dagster's command line takes them: ``A...B``, or ``A`` for one."""
    first, last = key_of(min(hours)), key_of(max(hours))
    return first if first == last else f"{first}...{last}"
