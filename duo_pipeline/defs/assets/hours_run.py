"""The hours of one run, on their way from Duo's log to S3 and into what Dagster knows."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime

import dagster as dg

from duo_pipeline import instants
from duo_pipeline.config.account import Account
from duo_pipeline.defs.assets.materializations import Materializations, Metadata
from duo_pipeline.defs.assets.metadata import by_name, preview, text_or_null
from duo_pipeline.defs.assets.progress import Progress
from duo_pipeline.defs.checks import complete
from duo_pipeline.defs.checks.evaluations import COMPLETE, Verdict, red
from duo_pipeline.defs.partitions import HOUR, hour_of, key_of, named, span
from duo_pipeline.defs.resources import duo_and_feed
from duo_pipeline.duo.errors import DuoContradiction, DuoRefusal
from duo_pipeline.duo.telephony_log import TelephonyLog
from duo_pipeline.landing.hour import Landed
from duo_pipeline.landing.hour_queue import HourQueue
from duo_pipeline.landing.ownership import claim
from duo_pipeline.records import Item

_OUT_OF_RANGE = 40002
"""Duo refuses a query for its mintime; one hour can be the reason."""
_REASONS = 3
_COUNTED = "Duo counted"
_PREVIEW_COLUMNS = ("ts", "type", "context", "credits", "phone", "telephony_id")


class HoursRun:
    """Reads contiguous hours with one query, and lands and records each when it is complete.

    Args:
        context: The step's context, with the resources of the account.
        account: The account whose hours they are.
        asset: The key of the asset whose partitions they are.
        hours: All hours that the step reads.
        done: Takes each hour that has landed.
        now: The time, in UTC.

    Attributes:
        verdicts: The verdict of the check ``complete`` on each hour that was read.
        refused: The hours that S3 refused, each with its sentence.

    Raises:
        SettingsError: Names every setting that is missing or wrong.
        BucketError: S3 cannot be reached, or the work prefix belongs to another feed.
    """

    def __init__(
        self,
        context: dg.OpExecutionContext | dg.AssetExecutionContext,
        account: Account,
        asset: dg.AssetKey,
        hours: Collection[datetime],
        done: Materializations,
        now: Callable[[], datetime],
    ) -> None:
        self.verdicts: dict[datetime, Verdict] = {}
        self.refused: dict[datetime, str] = {}
        self._run_log = context.log
        self._done = done
        self._now = now
        self._known = context.instance.get_materialized_partitions(asset)
        in_doubt = red(context.instance, dg.AssetCheckKey(asset, COMPLETE), hours)
        self._in_doubt = {hour_of(key) for key in in_doubt}
        api, feed = (getattr(context.resources, key) for key in (account.duo_resource, account.feed_resource))
        duo_settings, feed_settings = duo_and_feed(account, api, feed)
        self._feed = feed.open(feed_settings)
        claim(self._feed, base_work_prefix=feed_settings.base_work_prefix, duo_account=duo_settings.account)
        self._api = api.open(duo_settings, self._on_wait)
        self._progress = Progress(context.log.info)
        self._landed: dict[datetime, Landed] = {}
        self._counted_alone: Counter[datetime] = Counter()
        self._beyond: Counter[datetime] = Counter()
        self._requests: Counter[datetime] = Counter()
        self._requests_before = 0

    @property
    def problems(self) -> dict[datetime, str]:
        """The hours that are red or were refused by S3, each with its reason."""
        red = {hour: verdict.sentence for hour, verdict in self.verdicts.items() if not verdict.passed}
        return red | self.refused

    def land(self, hours: list[datetime]) -> None:
        """Land the hours, given in order and without a gap, and judge each.

        If the query gives a reason for doubt, all of its hours are in doubt: they are read again in two
        halves, and these likewise, down to single hours. For n hours that makes at most 2n - 1 queries.
        Hours that an earlier run left in doubt are not read in halves while Duo shows less than it did then.

        Raises:
            DuoError: A page could not be read; the hours before it have landed and are recorded.
            BucketError: S3 refused a request or could not be reached.
        """
        doubts = self._query(hours)
        if not doubts:
            return
        if len(hours) == 1:
            self._counted_alone[hours[0]] = self._log.total.value if self._log.total else 0
        if len(hours) == 1 or self._shows_less_than_earlier_runs:
            self.verdicts |= self._doubted(hours, doubts)
            return
        log, middle = self._log, len(hours) // 2
        self._run_log.warning(f"{doubts}: {span(hours)} is read again in two halves.")
        try:
            self.land(hours[:middle])
            self.land(hours[middle:])
        finally:
            self._compare_parts(log, hours)

    def _compare_parts(self, log: TelephonyLog, hours: list[datetime]) -> None:
        """Compare what the parts of a query brought with its own count, which a later answer cannot undo."""
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
            judged = {hour: self.verdicts[hour] for hour in hours if hour in self.verdicts}
            for hour, verdict in judged.items():
                if verdict.passed:
                    judged[hour] = complete.in_doubt(doubt, self._landed.get(hour))
                elif _COUNTED not in verdict.sentence:
                    judged[hour] = Verdict(False, f"{doubt}; {verdict.sentence}")
            self.verdicts |= judged
            self._done.take_back(judged)

    def _doubted(self, hours: list[datetime], doubts: str) -> dict[datetime, Verdict]:
        return {hour: complete.in_doubt(doubts, self._read.get(hour)) for hour in hours}

    def _shows_less(self, of: Collection[datetime]) -> int:
        """Return how many records S3 has of some hours that Duo did not show in the latest query."""
        return sum(landed.unshown for hour, landed in self._read.items() if hour in of)

    def _query(self, hours: list[datetime]) -> str:
        """Land the hours with one query; return its reasons for doubt, as clauses."""
        self._log = log = TelephonyLog(self._api, hours[0], hours[-1] + HOUR, self._on_page)
        self._queue = queue = HourQueue(self._feed, host=self._api.host.name, on_landed=self._on_landed)
        self._read: dict[datetime, Landed] = {}
        self._items_read: Counter[datetime] = Counter()
        shown_before = self._in_doubt | self._landed.keys()
        self._shows_less_than_earlier_runs = False
        try:
            with queue:
                try:
                    for hour, items in log.hours():
                        queue.land(hour, self._counted(hour, items))
                finally:
                    queue.finish()
            # of an hour that S3 refused nobody knows how many of its items were repeats
            refused = sum(self._items_read[hour] for hour in queue.failed)
            log.judge(
                landed=sum(landed.records for landed in self._read.values()) + refused,
                rejected=sum(landed.rejects.total() for landed in self._read.values()),
            )
            self._shows_less_than_earlier_runs = self._shows_less(self._in_doubt) > 0
            if fewer := self._shows_less(shown_before):
                log.doubts.append(f"Duo no longer shows {fewer:,} records that it showed before")
        except DuoRefusal as error:
            if not isinstance(error, DuoContradiction) and error.code != _OUT_OF_RANGE:
                raise
            log.doubts.append(str(error).removesuffix("."))
        finally:
            self._beyond[hours[-1]] = max(self._beyond[hours[-1]], log.beyond)
            self.refused |= {hour: str(error) for hour, error in queue.failed.items()}
            doubts = "; ".join(log.doubts)
            if doubts:
                self._done.take_back(self._doubted(hours, doubts))
        if not doubts:
            self._judge_each()
        return doubts

    def _judge_each(self) -> None:
        """Judge the hours of a query that gives no reason for doubt: only what cannot land turns one red."""
        log = self._log
        shown = sum(landed.records for landed in self._read.values()) + log.beyond
        counts = f"Duo counts {log.total.value:,}" if log.total else "Duo gives no count"
        query = span([log.start, log.end - HOUR])
        whole = Verdict(True, f"{shown:,} records came in the query for {query}; {counts}.")
        red = {hour: complete.rejected(landed) for hour, landed in self._read.items() if landed.rejects}
        self.verdicts |= dict.fromkeys(self._read, whole) | red
        self._done.take_back(red)

    def _counted(self, hour: datetime, items: Iterator[Item]) -> Iterator[Item]:
        """Yield the items, and then note how many they were and how many requests they took."""
        for item in items:
            self._items_read[hour] += 1
            yield item
        sent = self._api.requests_sent
        self._requests[hour] += sent - self._requests_before
        self._requests_before = sent

    def _on_landed(self, hour: datetime, landed: Landed) -> None:
        if earlier := self._landed.get(hour):  # this run has read it before, in a query that was in doubt
            landed.new_records += earlier.new_records
            landed.changed_records += earlier.changed_records
            landed.had_objects = earlier.had_objects
            landed.first_new_ns = earlier.first_new_ns or landed.first_new_ns
        self._landed[hour] = self._read[hour] = landed
        self.refused.pop(hour, None)
        self._done.add(hour, self._metadata(hour, landed))

    def _metadata(self, hour: datetime, landed: Landed) -> Metadata:
        log = self._log
        late = landed.new_records if landed.had_objects or key_of(hour) in self._known else 0
        late_by = instants.to_ns(self._now()) - (landed.first_new_ns or 0) if late else 0
        return {
            "records": dg.MetadataValue.int(landed.records),
            "new_records": dg.MetadataValue.int(landed.new_records),
            "changed_records": dg.MetadataValue.int(landed.changed_records),
            "late_records": dg.MetadataValue.int(late),
            "late_by_minutes": dg.MetadataValue.int(late_by // (60 * instants.NANOSECONDS)),
            "rejects": dg.MetadataValue.int(landed.rejects.total()),
            "requests": dg.MetadataValue.int(self._requests[hour]),
            "duo_total": dg.MetadataValue.int(log.total.value) if log.total else dg.MetadataValue.null(),
            "query": dg.MetadataValue.text(f"{log.start:%Y-%m-%d %H:%M} to {log.end:%Y-%m-%d %H:%M} UTC"),
            "first_ts": _instant(landed.first_ns),
            "last_ts": _instant(landed.last_ns),
            "credits": dg.MetadataValue.int(landed.credits_by_type.total()),
            "credits_by_type": by_name(landed.credits_by_type),
            "objects": dg.MetadataValue.json(landed.objects),
            "preview": preview(landed.preview, _PREVIEW_COLUMNS),
        }

    def _on_page(self, log: TelephonyLog) -> None:
        self._progress.page(log.received, log.total.value if log.total else None, log.reached)
        self._done.write_if_due()

    def _on_wait(self, reason: str, seconds: float) -> None:
        """Record what has landed before a wait, so that people need not wait as long to see it."""
        self._queue.finish()
        self._done.write()
        self._run_log.warning(f"{reason}; the next try is in {seconds:.0f} s")


def _instant(ns: int | None) -> dg.MetadataValue:
    return text_or_null(None if ns is None else instants.iso(ns))


def reasons(problems: Mapping[datetime, str]) -> str:
    """Return a text that names the first few reasons, each with its hours."""
    by_sentence: dict[str, list[datetime]] = {}
    for hour, sentence in sorted(problems.items()):
        by_sentence.setdefault(sentence, []).append(hour)
    said = [f"{named(hours)}: {sentence}" for sentence, hours in by_sentence.items()]
    more = [f"Other reasons: {len(said) - _REASONS}."] if len(said) > _REASONS else []
    return " ".join(said[:_REASONS] + more)
