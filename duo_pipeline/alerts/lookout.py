"""What people should be told next."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import dagster as dg

from duo_pipeline import watch
from duo_pipeline.alerts import failures, messages
from duo_pipeline.alerts.messages import Message
from duo_pipeline.alerts.troubles import Memory
from duo_pipeline.partitions import last_settled, refusal
from duo_pipeline.settings import HourSettings

OVERDUE_AFTER = timedelta(minutes=90)
"""After an hour is settled: two ticks of the hourly schedule, and half an hour for its run."""

_WHY = {
    dg.DagsterRunStatus.FAILURE: "the last run of {} has failed",
    dg.DagsterRunStatus.CANCELED: "the last run of {} was cancelled",
    None: "no run is under way for {}",
}
_WAITING = "the run of {} waits"


class Watched(NamedTuple):
    """What is looked after of one account.

    Attributes:
        assets: Its assets, in the order of the way; the first is the one that can be overdue.
        hours: Which hours there are.
    """

    assets: Sequence[dg.AssetsDefinition]
    hours: HourSettings


class Lookout:
    """Looks for the next thing to tell, and notes it in the memory.

    Args:
        instance: Dagster's.
        accounts: What to look after.
        ui_url: Where Dagster's UI is.
        now: The time, in UTC.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        accounts: Sequence[Watched],
        ui_url: str,
        now: datetime,
    ) -> None:
        self._instance = instance
        self._accounts = accounts
        self._assets = [asset for account in accounts for asset in account.assets]
        self._hours = {_name(asset): account.hours for account in accounts for asset in account.assets}
        self._ui_url = ui_url
        self._now = now

    def over(self, memory: Memory) -> Message | None:
        """Close a trouble all of whose hours are done, or can no longer be."""
        assets = {_name(asset): asset for asset in self._assets}
        memory.open = [trouble for trouble in memory.open if trouble.asset in assets]
        for trouble in memory.open:
            left = self._not_done(assets[trouble.asset], trouble.hours)
            settle_minutes = self._hours[trouble.asset].settle_minutes
            lost = {hour for hour in left if refusal(hour, self._now, settle_minutes)}
            if left == lost:
                memory.open.remove(trouble)
                return messages.over(trouble.asset, trouble.hours, lost=lost, ui_url=self._ui_url)
        return None

    def failed(self, memory: Memory) -> Message | None:
        """Open a trouble for the next failed run that is news."""
        for storage_id, failure in failures.after(self._instance, self._assets, memory.failures_until):
            memory.failures_until = storage_id
            if failure and (new := self._open_anew(memory, failure.asset, failure.hours)):
                return messages.failed(
                    _name(failure.asset),
                    new,
                    reason=failure.reason,
                    run_id=failure.run_id,
                    ui_url=self._ui_url,
                )
        return None

    def overdue(self, memory: Memory) -> Message | None:
        """Open a trouble for settled hours that no run has done or is doing."""
        if self._now.timestamp() - memory.since < OVERDUE_AFTER.total_seconds():
            return None
        for (asset, *_), hours in self._accounts:
            states = self._states(asset, last_settled(hours, self._now - OVERDUE_AFTER, hours.lookback_hours))
            if new := self._open_anew(memory, asset, states):
                counts = Counter(_WHY.get(states[hour], _WAITING) for hour in new)
                why = ", ".join(text.format(f"{count:,} of them") for text, count in counts.items())
                return messages.overdue(_name(asset), new, why=why, ui_url=self._ui_url)
        return None

    def _open_anew(
        self, memory: Memory, asset: dg.AssetsDefinition, hours: Collection[datetime]
    ) -> set[datetime]:
        open_hours = {
            hour for trouble in memory.open if trouble.asset == _name(asset) for hour in trouble.hours
        }
        return memory.open_anew(_name(asset), hours, self._not_done(asset, open_hours))

    def _not_done(self, asset: dg.AssetsDefinition, hours: Collection[datetime]) -> set[datetime]:
        wanted = [hour for hour in hours if hour >= self._hours[_name(asset)].start]
        return set(watch.not_done(self._instance, asset, wanted))

    def _states(
        self, asset: dg.AssetsDefinition, hours: Collection[datetime]
    ) -> dict[datetime, dg.DagsterRunStatus | None]:
        """Give the hours that are neither done nor being done, each with the state of its last run."""
        not_done = self._not_done(asset, hours)
        if not not_done:
            return {}
        last = watch.unfinished(self._instance, asset)
        runs = {last[hour] for hour in not_done if hour in last}
        found = self._instance.get_runs(dg.RunsFilter(run_ids=sorted(runs))) if runs else []
        status = {run.run_id: run.status for run in found}
        states = {hour: status.get(last.get(hour, "")) for hour in not_done}
        return {hour: state for hour, state in states.items() if state != dg.DagsterRunStatus.STARTED}


def _name(asset: dg.AssetsDefinition) -> str:
    return asset.key.to_user_string()
