"""What a check says of an hour or of an asset, and how Dagster is told and asked."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import dagster as dg

from duo_pipeline.defs import internals
from duo_pipeline.defs.partitions import contiguous, key_of

COMPLETE = "complete"
IN_PLACE = "in_place"
NO_HOUR_LEFT_OUT = "no_hour_left_out"
AS_USUAL = "as_usual"
HOURS = "hours"
"""The metadata of an evaluation of a whole asset: the ranges of hours that are wrong."""
EACH_HOUR = 168
"""Up to so many hours of a run, each has its evaluation; beyond, those that are red, or were."""


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
            metadata=hours_metadata(verdict),
        )
    )


def hours_metadata(verdict: Verdict) -> dict[str, dg.MetadataValue]:
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
    history = internals.evaluations(instance, check_key, {internals.CheckStatus.FAILED})
    return {record.partition for record in history if runs is None or record.run_id in runs}


def red(instance: dg.DagsterInstance, key: dg.AssetCheckKey, hours: Iterable[datetime]) -> dict[str, int]:
    """Return the partition keys of the hours whose last evaluation is red, those judged longest ago first.

    One that is only planned, as at the beginning of a run, changes nothing.

    Returns:
        For each the storage id of that evaluation, which grows with time.
    """
    suspects = {one for one in ever_red(instance, key) if one}.intersection(map(key_of, hours))
    found = {
        partition: storage_id
        for partition, status, storage_id in internals.latest_evaluations(instance, key, suspects)
        if status is internals.CheckStatus.FAILED
        or (status is internals.CheckStatus.PLANNED and internals.last_was_red(instance, key, partition))
    }
    return dict(sorted(found.items(), key=lambda item: item[1]))
