"""The asset checks: what can be wrong with an hour although it has landed, in a sentence each."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from duo_pipeline.defs.partitions import contiguous, key_of

COMPLETE = "complete"
IN_PLACE = "in_place"
LEFT_OUT = "no_hour_left_out"
AS_USUAL = "as_usual"
HOURS = "hours"
"""The metadata of an evaluation of a whole asset: the ranges of hours that are wrong."""
EACH_HOUR = 168
"""Up to so many hours of a run, each has its evaluation; beyond, those that are red, or were."""


_HISTORY = 10_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check says of an hour, or of an asset.

    Attributes:
        passed: Whether it passed.
        sentence: Why, and what to do.
        hours: The hours that are wrong, where it is about an asset.
    """

    passed: bool
    sentence: str
    hours: Sequence[datetime] = ()


def complete(asset: dg.AssetKey, partitions: dg.PartitionsDefinition[str]) -> dg.AssetCheckSpec:
    """What was received of the hour, against Duo's own count."""
    return dg.AssetCheckSpec(
        COMPLETE,
        asset=asset,
        partitions_def=partitions,
        description="Duo's answers give no reason to doubt that the hour is whole: Duo showed as many records"
        " as it counts, in order of time, and all of them could land.",
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
        description="No hour before the look-back of the schedule is missing or in doubt.",
    )
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        verdict = evaluate(context.instance)
        return dg.AssetCheckResult(
            passed=verdict.passed, description=verdict.sentence, metadata=_hours_metadata(verdict)
        )

    return check


def as_usual(
    asset: dg.AssetsDefinition, evaluate: Callable[[dg.DagsterInstance], Verdict]
) -> dg.AssetChecksDefinition:
    """Make the check that warns of hours far quieter than usual; the hourly schedule evaluates it, too."""

    @dg.asset_check(
        asset=asset,
        name=AS_USUAL,
        description="None of the last 24 settled hours is far quieter than the same hour of the weeks before,"
        " and the account has not fallen silent against its habit.",
    )
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        verdict = evaluate(context.instance)
        return dg.AssetCheckResult(
            passed=verdict.passed,
            description=verdict.sentence,
            severity=dg.AssetCheckSeverity.WARN,
            metadata=_hours_metadata(verdict),
        )

    return check


def report(
    instance: dg.DagsterInstance,
    asset: dg.AssetsDefinition,
    name: str,
    verdict: Verdict,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> None:
    """Record what a check says of the whole asset, outside of a run."""
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=asset.key,
            check_name=name,
            passed=verdict.passed,
            description=verdict.sentence,
            severity=severity,
            metadata=_hours_metadata(verdict),
        )
    )


def _hours_metadata(verdict: Verdict) -> dict[str, dg.MetadataValue]:
    """Keep the hours as ranges of partition keys: the alerts read them."""
    ranges = [[key_of(first), key_of(last)] for first, last in contiguous(sorted(verdict.hours))]
    return {HOURS: dg.MetadataValue.json(ranges)} if ranges else {}


def record(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    asset_key: dg.AssetKey,
    name: str,
    verdicts: Mapping[datetime, Verdict],
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    *,
    only_news: bool = False,
) -> None:
    """Record what a check says of each hour; where they are very many, only what is red or turns green."""
    many = only_news or len(verdicts) > EACH_HOUR
    was_red = ever_red(context.instance, dg.AssetCheckKey(asset_key, name)) if many else set()
    for hour, verdict in verdicts.items():
        if not verdict.passed or not many or key_of(hour) in was_red:
            context.log_event(  # an op's context takes evaluations, too, and is not annotated so
                dg.AssetCheckEvaluation(  # type: ignore[arg-type,unused-ignore]
                    asset_key=asset_key,
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
        record(context, context.asset_key, name, verdicts, severity)
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
    """Return the partition keys of the hours that were red in one of these runs, or ever."""
    history = instance.event_log_storage.get_asset_check_execution_history(
        check_key, limit=_HISTORY, status={AssetCheckExecutionRecordStatus.FAILED}
    )
    return {record.partition for record in history if runs is None or record.run_id in runs}


def red(instance: dg.DagsterInstance, key: dg.AssetCheckKey, hours: Iterable[datetime]) -> dict[str, int]:
    """Return the partition keys of the hours whose latest evaluation is red, those judged longest ago first.

    Returns:
        For each the storage id of that evaluation, which grows with time.
    """
    suspects = ever_red(instance, key).intersection(map(key_of, hours))
    if not suspects:
        return {}
    infos = instance.event_log_storage.get_asset_check_partition_info(
        [key], partition_keys=sorted(one for one in suspects if one)
    )
    failed = AssetCheckExecutionRecordStatus.FAILED
    found = {
        info.partition_key: info.latest_check_event_storage_id
        for info in infos
        if info.partition_key and info.latest_execution_status is failed
    }
    return dict(sorted(found.items(), key=lambda item: item[1]))
