"""The hours of one run, on their way from Duo to S3 and into Dagster's knowledge."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import Protocol

import dagster as dg

from duo_pipeline.config.account import Account
from duo_pipeline.defs.assets.metadata import landed_metadata
from duo_pipeline.defs.assets.progress import Progress
from duo_pipeline.defs.assets.recording import Metadata
from duo_pipeline.defs.checks.evaluations import Verdict
from duo_pipeline.defs.partitions import HOUR, hour_of, key_of, named, span
from duo_pipeline.defs.resources import DuoAdminApi, TelephonyFeed, duo_and_feed
from duo_pipeline.duo.errors import DuoContradiction, DuoRefusal
from duo_pipeline.duo.telephony_log import TelephonyLog
from duo_pipeline.landing.hour import Landed
from duo_pipeline.landing.hour_queue import HourQueue
from duo_pipeline.landing.ownership import claim
from duo_pipeline.records import Entry

_OUT_OF_RANGE = 40002
"""Duo refuses a query for its mintime; one hour can be the reason."""
_REASONS = 3
_COUNTED = "Duo counted"


class Hours(Protocol):
    """What is told of each hour that has landed."""

    def add(self, hour: datetime, figures: Metadata) -> None:
        """Take an hour that has landed."""

    def take_back(self, verdicts: Mapping[datetime, Verdict]) -> None:
        """Take back hours that are red after all."""

    def write(self) -> None:
        """Write to Dagster what has been told."""

    def write_if_due(self) -> None:
        """Write it if it has waited for long."""


class HoursRun:
    """Reads contiguous hours with one query, and lands and records each when it is complete.

    Args:
        account: The account whose hours they are.
        log: Dagster's log of the run.
        recording: Is told of each hour that has landed.
        known: The partition keys of the hours that an earlier run has read.
        in_doubt: The partition keys of those that it left in doubt.
        duo_admin_api: Duo.
        telephony_feed: Where to write.
        now: The time, in UTC.

    Attributes:
        verdicts: Of each hour that was read, whether the program has a reason to doubt it.
        failed: The hours that S3 refused, each with its sentence.

    Raises:
        SettingsError: Names all that is missing or wrong.
        BucketError: S3 cannot be reached, or the work prefix belongs to another feed.
    """

    def __init__(
        self,
        account: Account,
        log: dg.DagsterLogManager,
        recording: Hours,
        known: Collection[str],
        in_doubt: Collection[str],
        duo_admin_api: DuoAdminApi,
        telephony_feed: TelephonyFeed,
        now: Callable[[], datetime],
    ) -> None:
        self.verdicts: dict[datetime, Verdict] = {}
        self.failed: dict[datetime, str] = {}
        self._log_line = log
        self._recording = recording
        self._known = known
        self._in_doubt = {hour_of(key) for key in in_doubt}
        duo, feed = duo_and_feed(account, duo_admin_api, telephony_feed)
        self._feed = telephony_feed.open(feed)
        claim(self._feed, base_work_prefix=feed.base_work_prefix, duo_account=duo.account)
        self._now = now
        self._api = duo_admin_api.open(duo, self._on_wait)
        self._progress = Progress(log.info)
        self._landed: dict[datetime, Landed] = {}
        self._counted_alone: Counter[datetime] = Counter()
        self._beyond: Counter[datetime] = Counter()
        self._requests: Counter[datetime] = Counter()
        self._requests_before = 0

    @property
    def problems(self) -> dict[datetime, str]:
        """The hours in doubt, with what cannot land, or refused by S3, each with its reason."""
        red = {hour: verdict.sentence for hour, verdict in self.verdicts.items() if not verdict.passed}
        return red | self.failed

    def land(self, hours: list[datetime]) -> None:
        """Land the hours, given in order and without a gap, and judge each.

        Where the query gives a reason to doubt, all of its hours are in doubt: they are read again in two
        parts, and these likewise, down to single hours. For n hours that makes 2n - 1 queries at the most.
        Hours that an earlier run left in doubt are not read in parts while Duo shows less than it did then.

        Raises:
            DuoError: A page could not be had; the hours before it have landed and are told of.
            BucketError: S3 refused or could not be reached.
        """
        doubts = self._query(hours)
        if not doubts:
            return
        if len(hours) == 1:
            self._counted_alone[hours[0]] = self._log.total.value if self._log.total else 0
        if len(hours) == 1 or self._shows_less_than_earlier_runs:
            self.verdicts |= {hour: _in_doubt(doubts, self._read.get(hour)) for hour in hours}
            return
        log, middle = self._log, len(hours) // 2
        self._log_line.warning(f"{doubts}: {span(hours)} is read again in two halves.")
        try:
            self.land(hours[:middle])
            self.land(hours[middle:])
        finally:
            self._compare_parts(log, hours)

    def _compare_parts(self, log: TelephonyLog, hours: list[datetime]) -> None:
        """Hold what came of the parts of a query against its own count, which a later answer cannot undo."""
        read = {hour: self._landed[hour] for hour in hours if hour in self._landed}
        # Duo counts these, too, and a query that was cut off has not seen them
        beyond = self._beyond[hours[-1]]
        came = {hour: one.records + one.unshown + one.rejects.total() for hour, one in read.items()}
        # what an hour in doubt lacks by its own count is no reason to doubt the others
        explained = sum(max(count, self._counted_alone[hour]) for hour, count in came.items()) + beyond
        if log.total and explained < log.total.value:
            doubt = (
                f"{_COUNTED} {log.total.value:,} records in the query for {span(hours)}, and"
                f" {sum(came.values()) + beyond:,} came"
            )
            for hour in hours:
                verdict = self.verdicts.get(hour)
                if verdict and verdict.passed:
                    self.verdicts[hour] = _in_doubt(doubt, self._landed.get(hour))
                elif verdict and _COUNTED not in verdict.sentence:
                    self.verdicts[hour] = Verdict(False, f"{doubt}; {verdict.sentence}")
            self._recording.take_back({hour: self.verdicts[hour] for hour in hours if hour in self.verdicts})

    def _shows_less(self, hours: list[datetime], of: Collection[datetime]) -> int:
        """Return how many records S3 has of some hours that Duo did not show in the latest query."""
        return sum(self._read[hour].unshown for hour in hours if hour in self._read and hour in of)

    def _query(self, hours: list[datetime]) -> str:
        """Land the hours with one query; return its reasons to doubt, as clauses."""
        self._log = log = TelephonyLog(self._api, hours[0], hours[-1] + HOUR, self._on_page)
        self._queue = queue = HourQueue(self._feed, host=self._api.host.name, on_landed=self._on_landed)
        self._read: dict[datetime, Landed] = {}
        self._entries: Counter[datetime] = Counter()
        shown_before = self._in_doubt | self._landed.keys()
        self._shows_less_than_earlier_runs = False
        try:
            with queue:
                try:
                    for hour, entries in log.hours():
                        queue.land(hour, self._counted(hour, entries))
                finally:
                    queue.finish()
            # of an hour that S3 refused nobody knows how many of its entries were repeats
            refused = sum(self._entries[hour] for hour in queue.failed)
            log.judge(
                landed=sum(landed.records for landed in self._read.values()) + refused,
                rejected=sum(landed.rejects.total() for landed in self._read.values()),
            )
            self._shows_less_than_earlier_runs = self._shows_less(hours, self._in_doubt) > 0
            if fewer := self._shows_less(hours, shown_before):
                log.doubts.append(f"Duo no longer shows {fewer:,} records that it showed before")
        except DuoRefusal as error:
            if not isinstance(error, DuoContradiction) and error.code != _OUT_OF_RANGE:
                raise
            log.doubts.append(str(error).removesuffix("."))
        finally:
            self._beyond[hours[-1]] = max(self._beyond[hours[-1]], log.beyond)
            self.failed |= {hour: str(error) for hour, error in queue.failed.items()}
            if log.doubts:
                doubts = "; ".join(log.doubts)
                self._recording.take_back({hour: _in_doubt(doubts, self._read.get(hour)) for hour in hours})
        if not log.doubts:
            self._judge_each()
        return "; ".join(log.doubts)

    def _judge_each(self) -> None:
        """Judge the hours of a query without a doubt: an hour is red only for what cannot land."""
        log = self._log
        shown = sum(landed.records for landed in self._read.values()) + log.beyond
        of = f"of {log.total.value:,} that Duo counts" if log.total else "(Duo gives no count)"
        whole = Verdict(True, f"{shown:,} records {of} came in the query for {_query_span(log)}.")
        red = {
            hour: Verdict(False, _rejected(landed)) for hour, landed in self._read.items() if landed.rejects
        }
        self.verdicts |= dict.fromkeys(self._read, whole) | red
        self._recording.take_back(red)

    def _counted(self, hour: datetime, entries: Iterator[Entry]) -> Iterator[Entry]:
        """Yield the entries, and then note how many they were and how many requests they took."""
        for entry in entries:
            self._entries[hour] += 1
            yield entry
        sent = self._api.requests_sent
        self._requests[hour] += sent - self._requests_before
        self._requests_before = sent

    def _on_landed(self, hour: datetime, landed: Landed) -> None:
        if earlier := self._landed.get(hour):  # this run has read it before, in a query that was in doubt
            landed.new_records += earlier.new_records
            landed.had_objects = earlier.had_objects
            landed.first_new_ns = earlier.first_new_ns or landed.first_new_ns
        self._landed[hour] = self._read[hour] = landed
        self.failed.pop(hour, None)
        figures = landed_metadata(
            landed,
            log=self._log,
            requests=self._requests[hour],
            read_before=key_of(hour) in self._known,
            now=self._now(),
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


def reasons(problems: Mapping[datetime, str]) -> str:
    """Say what is wrong with which hours; of very many reasons the first few."""
    by_sentence: dict[str, list[datetime]] = {}
    for hour, sentence in sorted(problems.items()):
        by_sentence.setdefault(sentence, []).append(hour)
    said = [f"{named(hours)}: {sentence}" for sentence, hours in by_sentence.items()]
    more = f" And {len(said) - _REASONS} more reasons." if len(said) > _REASONS else ""
    return " ".join(said[:_REASONS]) + more


def _in_doubt(doubts: str, landed: Landed | None) -> Verdict:
    sentence = (
        f"{doubts}: what Duo showed is in S3, and the schedule requests this hour again. If it stays red,"
        " look at status.duo.com."
    )
    return Verdict(False, f"{sentence} {_rejected(landed)}" if landed and landed.rejects else sentence)


def _rejected(landed: Landed) -> str:
    reasons = ", ".join(f"{reason}: {count:,}" for reason, count in landed.rejects.items())
    return (
        f"{landed.rejects.total():,} entries cannot land, so SecOps will not get them ({reasons}). What Duo"
        f" sent is kept in {landed.rejects_uri}: report it to Duo's support."
    )


def _query_span(log: TelephonyLog) -> str:
    return span([log.start, log.end - HOUR])
