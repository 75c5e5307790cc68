"""The next message to send: what the sensor finds when it looks at the accounts."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import dagster as dg

from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs.alerts import failures, red_checks
from duo_pipeline.defs.alerts.incidents import Memory
from duo_pipeline.defs.alerts.messages import Message, Messages
from duo_pipeline.defs.checks.evaluations import AS_USUAL, IN_PLACE, NO_ABUSE, NO_HOUR_LEFT_OUT, RECEIVED
from duo_pipeline.defs.days import HOURS, days_known, hours_of
from duo_pipeline.defs.partition_status import missing, runs_that_did_not_record
from duo_pipeline.defs.partitions import key_of, last_settled, why_not_readable

OVERDUE_AFTER = timedelta(minutes=90)
"""How long after settling an hour is overdue: two ticks of the hourly schedule, and half an hour to run."""
NOT_DONE = ""
"""The ``check`` of an incident whose hours are not done: failed, overdue or left out."""

USAGE_OVERDUE_AFTER = timedelta(hours=8)
"""How long after its end the usage of a day is overdue: the schedule waits six hours for missing hours."""
_WARNINGS = (AS_USUAL, NO_ABUSE)
"""The checks of a whole asset that only warn; what they find is over when they no longer name it."""

_WHY = {
    dg.DagsterRunStatus.FAILURE: "the last run has failed",
    dg.DagsterRunStatus.CANCELED: "the last run was cancelled",
    None: "no run is under way",
}
_WAITING = "the run is waiting"


class WatchedAccount(NamedTuple):
    """One account whose hours the sensor watches.

    Attributes:
        lines: Its first asset: the hours in S3.
        events: Its second: what SecOps will show of them.
        usage: Its third: what its days cost.
        hours: Which hours there are.
        receipts: What SecOps has of them, if ``SECOPS_*`` is set.
    """

    lines: dg.AssetsDefinition
    events: dg.AssetsDefinition
    usage: dg.AssetsDefinition
    hours: HourSettings
    receipts: dg.AssetsDefinition | None = None

    @property
    def hourly(self) -> list[dg.AssetsDefinition]:
        """Its hourly assets, upstream first."""
        return [asset for asset in (self.lines, self.events, self.receipts) if asset]


class AlertEvaluation:
    """Finds the next message, and changes the memory as if the message had been sent.

    Args:
        instance: The Dagster instance.
        accounts: The accounts to evaluate.
        ui_url: The URL of Dagster's UI; empty if it is not known.
        now: The time, in UTC.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        accounts: Sequence[WatchedAccount],
        ui_url: str,
        now: datetime,
    ) -> None:
        self._instance = instance
        self._accounts = accounts
        self._hourly = [asset for one in accounts for asset in one.hourly]
        self._daily = [one.usage for one in accounts]
        self._assets = {_name(asset): asset for asset in (*self._hourly, *self._daily)}
        self._hours = {_name(asset): one.hours for one in accounts for asset in (*one.hourly, one.usage)}
        self._messages = Messages(ui_url)
        self._now = now

    def next_message(self, memory: Memory) -> Message | None:
        """Return the next message, or None if nothing is new."""
        return (
            self._over(memory)
            or self._failed(memory)
            or self._overdue(memory)
            or self._usage_overdue(memory)
            or self._asset_is_red(memory, NO_HOUR_LEFT_OUT, incident=NOT_DONE)
            or self._asset_is_red(memory, AS_USUAL, incident=AS_USUAL)
            or self._asset_is_red(memory, NO_ABUSE, incident=NO_ABUSE)
            or self._hours_are_red(memory)
        )

    def _over(self, memory: Memory) -> Message | None:
        """Close an incident if each of its hours is fine, or can no longer be read."""
        memory.open = [incident for incident in memory.open if incident.asset in self._assets]
        for incident in memory.open:
            asset, check = self._assets[incident.asset], incident.check
            left = self._left(memory, asset, check, incident.hours)
            lost = {hour for hour in left if check == NOT_DONE and self._is_lost(asset, hour)}
            if left == lost:
                memory.open.remove(incident)
                if lost:
                    return self._messages.lost(incident.asset, incident.hours, lost=lost)
                return self._messages.recovered(incident.asset, incident.hours, check=check)
        return None

    def _failed(self, memory: Memory) -> Message | None:
        """Open an incident for the next failed run whose hours are in no open incident."""
        for storage_id, failure in failures.after(self._instance, self._hourly, memory.failures_until):
            memory.failures_until = storage_id
            if failure and (new := self._open(memory, failure.asset, NOT_DONE, failure.hours)):
                return self._messages.failed(
                    _name(failure.asset), new, reason=failure.reason, run_id=failure.run_id
                )
        return None

    def _overdue(self, memory: Memory) -> Message | None:
        """Open an incident for settled hours that no run has done or is doing."""
        if self._now.timestamp() - memory.since < OVERDUE_AFTER.total_seconds():
            return None
        for lines, _, _, hours, _ in self._accounts:
            states = self._states(lines, last_settled(hours, self._now - OVERDUE_AFTER, hours.lookback_hours))
            if new := self._open(memory, lines, NOT_DONE, states):
                counts = Counter(_WHY.get(states[hour], _WAITING) for hour in new)
                reasons = [f"{why} ({count:,} of {len(new):,} hours)" for why, count in counts.items()]
                return self._messages.overdue(_name(lines), new, why="; ".join(reasons))
        return None

    def _usage_overdue(self, memory: Memory) -> Message | None:
        """Open an incident for days that should have usage by now."""
        if self._now.timestamp() - memory.since < USAGE_OVERDUE_AFTER.total_seconds():
            return None
        for _, _, usage, hours, _ in self._accounts:
            settled = last_settled(hours, self._now - USAGE_OVERDUE_AFTER, hours.lookback_hours)
            ended = [hour.date() for hour in settled if hour.hour == HOURS - 1]
            wanted = [hour for day in ended for hour in hours_of(day)]
            if new := self._open(memory, usage, NOT_DONE, self._not_done(usage, wanted)):
                return self._messages.overdue(
                    _name(usage), new, why="no run has made the usage of these days"
                )
        return None

    def _asset_is_red(self, memory: Memory, check: str, *, incident: str) -> Message | None:
        """Open an incident for the hours that a check of a whole asset finds wrong.

        Hours that can no longer be read are left out: their incident is over, though ``no_hour_left_out``
        stays red as long as DUO_PARTITIONS_START lies before them.
        """
        for one in self._accounts:
            asset = one.usage if check == NO_ABUSE else one.lines
            said = red_checks.latest_verdict(self._instance, dg.AssetCheckKey(asset.key, check), memory.since)
            if not said:
                continue
            news = set(said.hours) - memory.hours(_name(asset), incident)
            if (
                incident == NOT_DONE
            ):  # the evaluation may be an hour old, and what it names may be done by now
                news = self._not_done(asset, [hour for hour in news if not self._is_lost(asset, hour)])
            if new := self._open(memory, asset, incident, news):
                return self._messages.red(
                    _name(asset), new, check=check, sentence=said.sentence, warning=check in _WARNINGS
                )
        return None

    def _hours_are_red(self, memory: Memory) -> Message | None:
        """Open an incident for hours with lines out of place, or whose events SecOps does not have once."""
        checked = [(one.events, IN_PLACE) for one in self._accounts]
        checked += [(one.receipts, RECEIVED) for one in self._accounts if one.receipts]
        for asset, name in checked:
            known = memory.hours(_name(asset), name)
            check = dg.AssetCheckKey(asset.key, name)
            red = red_checks.newly_red(self._instance, check, memory.since, known)
            if new := self._open(memory, asset, name, red):
                sentence = f"{key_of(min(new))}: {red[min(new)]}"
                return self._messages.red(_name(asset), new, check=name, sentence=sentence)
        return None

    def _open(
        self, memory: Memory, asset: dg.AssetsDefinition, check: str, hours: Collection[datetime]
    ) -> set[datetime]:
        """Open an incident, and return its hours; hours that join an open incident are not among them."""
        wanted = self._since_start(asset, hours)
        known = memory.hours(_name(asset), check)
        if known.issuperset(wanted):
            return set()
        return memory.open_or_join(_name(asset), check, wanted, self._left(memory, asset, check, known))

    def _left(
        self, memory: Memory, asset: dg.AssetsDefinition, check: str, hours: Collection[datetime]
    ) -> set[datetime]:
        """Return the hours of an incident that are not fine yet."""
        if check == NOT_DONE:
            return self._not_done(asset, hours)
        wanted = self._since_start(asset, hours)
        key = dg.AssetCheckKey(asset.key, check)
        if check in _WARNINGS:
            said = red_checks.latest_verdict(self._instance, key, memory.since)
            return wanted.intersection(said.hours) if said else set()
        return red_checks.not_green(self._instance, key, wanted)

    def _not_done(self, asset: dg.AssetsDefinition, hours: Collection[datetime]) -> set[datetime]:
        wanted = sorted(self._since_start(asset, hours))
        if asset in self._daily:
            made, _ = days_known(self._instance, asset)
            return {hour for hour in wanted if hour.date() not in made}
        return set(missing(self._instance, asset, wanted, or_under_way=True)) if wanted else set()

    def _since_start(self, asset: dg.AssetsDefinition, hours: Collection[datetime]) -> set[datetime]:
        return {hour for hour in hours if hour >= self._hours[_name(asset)].start}

    def _is_lost(self, asset: dg.AssetsDefinition, hour: datetime) -> bool:
        return why_not_readable(hour, self._now, self._hours[_name(asset)].settle_minutes) is not None

    def _states(
        self, asset: dg.AssetsDefinition, hours: Collection[datetime]
    ) -> dict[datetime, dg.DagsterRunStatus | None]:
        """Return the hours that are neither done nor running, each with the status of its last run."""
        not_done = self._not_done(asset, hours)
        latest_runs = runs_that_did_not_record(self._instance, asset)
        run_ids = sorted({latest_runs[hour] for hour in not_done & latest_runs.keys()})
        runs = self._instance.get_runs(dg.RunsFilter(run_ids=run_ids)) if run_ids else []
        status = {run.run_id: run.status for run in runs}
        states = {hour: status.get(latest_runs.get(hour, "")) for hour in not_done}
        return {hour: state for hour, state in states.items() if state != dg.DagsterRunStatus.STARTED}


def _name(asset: dg.AssetsDefinition) -> str:
    return asset.key.to_user_string()
