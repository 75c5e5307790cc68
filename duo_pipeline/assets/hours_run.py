"""The hours of one run, on their way from Duo to S3 and into Dagster's knowledge."""

from collections.abc import Callable, Iterator
from datetime import datetime

import dagster as dg

from duo_pipeline.assets.figures import landed_figures
from duo_pipeline.assets.progress import Progress
from duo_pipeline.assets.recording import Recording
from duo_pipeline.checks import Verdict
from duo_pipeline.duo.errors import DuoError
from duo_pipeline.duo.telephony_log import TelephonyLog
from duo_pipeline.landing.feed import Feed
from duo_pipeline.landing.hour import Landed
from duo_pipeline.landing.hour_queue import HourQueue
from duo_pipeline.partitions import HOUR, key_of, span
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
        now: The time, in UTC.
    """

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        recording: Recording,
        duo_admin_api: DuoAdminApi,
        duo: DuoSettings,
        feed: Feed,
        now: Callable[[], datetime],
    ) -> None:
        self._log_line = context.log
        self._recording = recording
        self._now = now
        self._api = duo_admin_api.open(duo, self._on_wait)
        self._known = context.instance.get_materialized_partitions(context.asset_key)
        self._progress = Progress(context.log.info)
        self._queue = HourQueue(feed, host=self._api.host.name, on_landed=self._on_landed)
        self._requests: dict[datetime, int] = {}
        self._requests_before = 0

    def land(self, hours: list[datetime]) -> Verdict:
        """Land the hours, given in order and without a gap.

        Returns:
            What there is to say of their completeness.

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
        verdict = self._verdict(hours)
        if not verdict.passed:
            raise IncompleteLogError(verdict.sentence)
        return verdict

    def _verdict(self, hours: list[datetime]) -> Verdict:
        log = self._log
        if log.missing:
            return Verdict(
                False,
                f"Duo counts {log.missing:,} records more than it showed for {span(hours)}: what it showed"
                " has landed, run these hours again for the rest.",
            )
        of = f"of {log.total.value:,} that Duo counts" if log.total else "(Duo gives no count)"
        return Verdict(True, f"{log.received:,} records {of} came in the query for {span(hours)}.")

    def _counted(self, hour: datetime, entries: Iterator[Entry]) -> Iterator[Entry]:
        """Give the entries, and then note how many requests they took."""
        yield from entries
        sent = self._api.requests_sent
        self._requests[hour], self._requests_before = sent - self._requests_before, sent

    def _on_landed(self, hour: datetime, landed: Landed) -> None:
        read_before = key_of(hour) in self._known
        requests = self._requests[hour]
        figures = landed_figures(
            landed, log=self._log, requests=requests, read_before=read_before, now=self._now()
        )
        self._recording.add(hour, figures)

    def _on_page(self, log: TelephonyLog) -> None:
        self._progress.page(log)
        self._recording.write_if_due()

    def _on_wait(self, reason: str, seconds: float) -> None:
        """Record what has landed before a wait, which may be longer than people should be left without it."""
        self._queue.finish()
        self._recording.write()
        self._log_line.warning(f"{reason}; the next try is in {seconds:.0f} s")
