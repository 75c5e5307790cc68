"""The asset checks: what can be wrong with an hour although it has landed, in a sentence each."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from duo_pipeline.partitions import key_of

COMPLETE = "complete"
IN_PLACE = "in_place"
LEFT_OUT = "no_hour_left_out"
EACH_HOUR = 168
"""Up to so many hours of a run, each has its evaluation; beyond, those that are red, or were."""


_HISTORY = 10_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check says of an hour: whether it passed, and a sentence."""

    passed: bool
    sentence: str


def complete(asset: dg.AssetKey, partitions: dg.PartitionsDefinition[str]) -> dg.AssetCheckSpec:
    """What was received of the hour, against Duo's own count."""
    return dg.AssetCheckSpec(
        COMPLETE,
        asset=asset,
        partitions_def=partitions,
        description="Duo showed as many records as it counts in the query that read the hour.",
    )


def in_place(asset: dg.AssetKey, partitions: dg.PartitionsDefinition[str]) -> dg.AssetCheckSpec:
    """Every line of the feed lies in its hour, and stands there once."""
    return dg.AssetCheckSpec(
        IN_PLACE,
        asset=asset,
        partitions_def=partitions,
        description="Every line that the feed has for the hour lies in its hour, and stands there once.",
    )


def left_out(
    asset: dg.AssetsDefinition, evaluate: Callable[[dg.DagsterInstance], Verdict]
) -> dg.AssetChecksDefinition:
    """Make the check that names hours which nobody asked for; the hourly schedule evaluates it, too."""

    @dg.asset_check(
        asset=asset,
        name=LEFT_OUT,
        description="No hour is missing between the first one and the look-back of the schedule.",
    )
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        verdict = evaluate(context.instance)
        return dg.AssetCheckResult(passed=verdict.passed, description=verdict.sentence)

    return check


def record(
    context: dg.AssetExecutionContext,
    name: str,
    verdicts: Mapping[datetime, Verdict],
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> None:
    """Record what a check says of each hour; where they are very many, what is red or turns green."""
    many = len(verdicts) > EACH_HOUR
    was_red = ever_red(context.instance, dg.AssetCheckKey(context.asset_key, name)) if many else set()
    for hour, verdict in verdicts.items():
        if not verdict.passed or not many or key_of(hour) in was_red:
            context.log_event(
                dg.AssetCheckEvaluation(
                    asset_key=context.asset_key,
                    check_name=name,
                    passed=verdict.passed,
                    description=verdict.sentence,
                    severity=severity,
                    partition=key_of(hour),
                )
            )


def result(
    context: dg.AssetExecutionContext,
    name: str,
    verdicts: Mapping[datetime, Verdict],
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """Give what a check says at the end of a run.

    In a run over one hour Dagster records it for that hour. In a run over a range it records it for none, so
    there the hours' own evaluations are recorded beside it.
    """
    if len(verdicts) > 1:
        record(context, name, verdicts, severity)
    red = [hour for hour, verdict in verdicts.items() if not verdict.passed]
    hour = red[0] if red else next(iter(verdicts))
    of = f" ({len(red)} of {len(verdicts)} hours are red)" if len(red) > 1 else ""
    return dg.AssetCheckResult(
        check_name=name,
        passed=not red,
        severity=severity,
        description=f"{key_of(hour)}: {verdicts[hour].sentence}{of}",
    )


def ever_red(
    instance: dg.DagsterInstance, check_key: dg.AssetCheckKey, runs: Collection[str] | None = None
) -> set[str | None]:
    """Give the keys of the hours of which the check was red in one of the runs, or ever."""
    history = instance.event_log_storage.get_asset_check_execution_history(
        check_key, limit=_HISTORY, status={AssetCheckExecutionRecordStatus.FAILED}
    )
    return {record.partition for record in history if runs is None or record.run_id in runs}
