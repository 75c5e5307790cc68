"""The verdicts of checks: how to record them in Dagster, and how to find the red ones."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg

from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs import internals
from duo_pipeline.defs.partitions import contiguous, key_of

COMPLETE = "complete"
IN_PLACE = "in_place"
NO_HOUR_LEFT_OUT = "no_hour_left_out"
AS_USUAL = "as_usual"
RECEIVED = "received"
NO_ABUSE = "no_abuse"
HOURS = "hours"
"""The metadata key of an evaluation of a whole asset that lists the ranges of wrong hours."""
EACH_HOUR = 168
"""Runs over up to this many hours evaluate each of them; longer ones record only what is or was red."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check says about an hour, or about an asset.

    Attributes:
        passed: Whether it passed.
        sentence: Why, and what to do.
        hours: The hours that are wrong, if it is about an asset.
        severity: Whether the check warns or is red, if it has not passed.
    """

    passed: bool
    sentence: str
    hours: Sequence[datetime] = ()
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR

    def for_dagster(self) -> dict[str, Any]:
        """Return the arguments of Dagster's classes. The alerts read the wrong hours from the metadata."""
        ranges = [[key_of(first), key_of(last)] for first, last in contiguous(sorted(self.hours))]
        return {
            "passed": self.passed,
            "description": self.sentence,
            "severity": self.severity,
            "metadata": {HOURS: dg.MetadataValue.json(ranges)} if ranges else {},
        }


@dataclass(frozen=True, slots=True)
class AssetCheck:
    """A check on a whole asset, which the hourly schedule evaluates, and which people can run in the UI.

    Attributes:
        name: Its name in Dagster.
        description: What it requires.
        judge: Returns the verdict on an asset, by its settings and the time in UTC.
    """

    name: str
    description: str
    judge: Callable[[dg.DagsterInstance, dg.AssetsDefinition, HourSettings, datetime], Verdict]

    def definition(
        self, asset: dg.AssetsDefinition, hours: HourSettings, now: Callable[[], datetime]
    ) -> dg.AssetChecksDefinition:
        """Return the check for Dagster."""

        @dg.asset_check(asset=asset, name=self.name, description=self.description)
        def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
            return dg.AssetCheckResult(**self.judge(context.instance, asset, hours, now()).for_dagster())

        return check

    def report(
        self, instance: dg.DagsterInstance, asset: dg.AssetsDefinition, hours: HourSettings, now: datetime
    ) -> None:
        """Evaluate the check and record its verdict, outside of a run."""
        verdict = self.judge(instance, asset, hours, now)
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(asset_key=asset.key, check_name=self.name, **verdict.for_dagster())
        )


def spec_by_partition(
    name: str, description: str, asset: dg.AssetKey, partitions: dg.PartitionsDefinition[str]
) -> dg.AssetCheckSpec:
    """Return the spec, for Dagster, of a check that judges each partition of an asset."""
    return dg.AssetCheckSpec(name, asset=asset, partitions_def=partitions, description=description)


def record(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    asset_key: dg.AssetKey,
    name: str,
    verdicts: Mapping[datetime, Verdict],
    *,
    only_news: bool = False,
) -> None:
    """Record the verdict of a check on each hour; of many hours, only those that are red or turn green."""
    many = only_news or len(verdicts) > EACH_HOUR
    was_red = ever_red(context.instance, dg.AssetCheckKey(asset_key, name)) if many else set()
    for hour, verdict in verdicts.items():
        if not verdict.passed or not many or key_of(hour) in was_red:
            record_one(context, asset_key, name, key_of(hour), verdict)


def record_one(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    asset_key: dg.AssetKey,
    name: str,
    partition: str,
    verdict: Verdict,
) -> None:
    """Record the verdict of a check on one partition."""
    context.log_event(  # an op's context takes evaluations, though its annotation does not say so
        dg.AssetCheckEvaluation(  # type: ignore[arg-type,unused-ignore]
            asset_key=asset_key, check_name=name, partition=partition, **verdict.for_dagster()
        )
    )


def result(
    context: dg.AssetExecutionContext, name: str, verdicts: Mapping[datetime, Verdict]
) -> dg.AssetCheckResult:
    """Return the result of a check at the end of a run.

    In a run over one hour, Dagster records the result for that hour. In a run over a range, it records the
    result for no hour, so this function records an evaluation of each hour as well.
    """
    if len(verdicts) > 1:
        record(context, context.asset_key, name, verdicts)
    red = [hour for hour, verdict in verdicts.items() if not verdict.passed]
    hour = red[0] if red else next(iter(verdicts))
    of = f" ({len(red)} of {len(verdicts)} hours did not pass)" if len(red) > 1 else ""
    verdict = verdicts[hour]
    return dg.AssetCheckResult(
        check_name=name,
        passed=verdict.passed,
        severity=verdict.severity,
        description=f"{key_of(hour)}: {verdict.sentence}{of}",
    )


def ever_red(
    instance: dg.DagsterInstance, check_key: dg.AssetCheckKey, runs: Collection[str] | None = None
) -> set[str | None]:
    """Return the partition keys of the hours that were red in one of these runs; without runs, in any run."""
    history = internals.evaluations(instance, check_key, {internals.CheckStatus.FAILED})
    return {record.partition for record in history if runs is None or record.run_id in runs}


def red(instance: dg.DagsterInstance, key: dg.AssetCheckKey, hours: Iterable[datetime]) -> dict[str, int]:
    """Return the partition keys of the hours whose latest evaluation is red, oldest evaluation first.

    An evaluation that is only planned, as at the beginning of a run, changes nothing.

    Returns:
        Each key with the storage id of that evaluation, which grows with time.
    """
    suspects = {one for one in ever_red(instance, key) if one}.intersection(map(key_of, hours))
    found = {
        partition: storage_id
        for partition, status, storage_id in internals.latest_evaluations(instance, key, suspects)
        if status is internals.CheckStatus.FAILED
        or (status is internals.CheckStatus.PLANNED and internals.last_was_red(instance, key, partition))
    }
    return dict(sorted(found.items(), key=lambda item: item[1]))
