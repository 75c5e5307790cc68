"""Which hours are done, failed, in doubt or under way, and which ranges must be requested."""

from collections.abc import Collection, Iterable
from datetime import datetime
from itertools import groupby

import dagster as dg

from duo_pipeline.defs import internals, tags
from duo_pipeline.defs.checks.evaluations import COMPLETE, red
from duo_pipeline.defs.partitions import HOUR, contiguous, hour_of, key_of

DOUBTFUL_AT_A_TIME = 24
MOST_UNEXPLAINED = 4
"""If more runs than this have failed for an unknown reason, the hours are not the cause."""


def missing(
    instance: dg.DagsterInstance,
    asset: dg.AssetsDefinition,
    hours: list[datetime],
    incomplete: Collection[str] = (),
) -> list[datetime]:
    """Return the hours that are neither done nor queued nor running.

    Args:
        instance: The Dagster instance.
        asset: The asset.
        hours: The hours to look at.
        incomplete: The partition keys of hours that do not count as done.
    """
    done, under_way = _known(instance, asset)
    fine = done.difference(incomplete) | under_way
    return [hour for hour in hours if key_of(hour) not in fine]


def not_done(
    instance: dg.DagsterInstance, asset: dg.AssetsDefinition, hours: list[datetime]
) -> list[datetime]:
    """Return the hours that are not done, are in doubt, or have a run at work on them."""
    done, under_way = _known(instance, asset)
    fine = done - under_way - incomplete(instance, asset, hours).keys()
    return [hour for hour in hours if key_of(hour) not in fine]


def unfinished(instance: dg.DagsterInstance, asset: dg.AssetsDefinition) -> dict[datetime, str]:
    """Return the hours that their latest run has not done, or not yet, with that run's id."""
    attempts = internals.unfinished_attempts(instance, asset.key)
    return {hour_of(key): run_id for key, run_id in attempts.items()}


def incomplete(
    instance: dg.DagsterInstance, asset: dg.AssetsDefinition, hours: Iterable[datetime]
) -> dict[str, int]:
    """Return the partition keys of the hours in doubt, oldest evaluation first.

    Such an hour may be recorded: a long query records its first hours before Duo's answers turn out to
    contradict each other.
    """
    return red(instance, dg.AssetCheckKey(asset.key, COMPLETE), hours)


def to_request(
    instance: dg.DagsterInstance, asset: dg.AssetsDefinition, hours: list[datetime]
) -> list[tuple[datetime, datetime]]:
    """Return the ranges to read among these hours: what is missing, failed, or in doubt.

    Only some of the hours in doubt are requested at a time, oldest evaluation first: Duo may contradict
    itself for good, and an hour in doubt can cost two requests. The hours of a run that failed for an unknown
    reason are requested in two parts, so that one hour cannot hold up the rest.
    """
    doubtful = incomplete(instance, asset, hours)
    later = set([*doubtful][DOUBTFUL_AT_A_TIME:])
    wanted = [hour for hour in missing(instance, asset, hours, doubtful) if key_of(hour) not in later]
    unexplained = _failed_without_reason(instance, asset, wanted)
    in_parts = len(set(unexplained.values())) <= MOST_UNEXPLAINED
    ranges: list[tuple[datetime, datetime]] = []
    for run_id, group in groupby(wanted, unexplained.get):
        for first, last in contiguous(group):
            if run_id and in_parts and first < last:
                middle = first + (last - first) // HOUR // 2 * HOUR
                ranges += [(first, middle), (middle + HOUR, last)]
            else:
                ranges.append((first, last))
    return ranges


def _failed_without_reason(
    instance: dg.DagsterInstance, asset: dg.AssetsDefinition, hours: list[datetime]
) -> dict[datetime, str]:
    """Return the hours whose latest run failed for an unknown reason, each with that run's id."""
    attempts = unfinished(instance, asset)
    of_hours = {hour: attempts[hour] for hour in hours if hour in attempts}
    if not of_hours:
        return {}
    runs = instance.get_runs(
        dg.RunsFilter(run_ids=sorted(set(of_hours.values())), statuses=[dg.DagsterRunStatus.FAILURE])
    )
    unexplained = {run.run_id for run in runs if tags.EXPLAINED not in run.tags}
    return {hour: run_id for hour, run_id in of_hours.items() if run_id in unexplained}


def _known(instance: dg.DagsterInstance, asset: dg.AssetsDefinition) -> tuple[set[str], set[str]]:
    """Return the keys of the hours that are done, and of the hours that a run is working on."""
    materialized, failed, under_way = internals.partition_status(instance, asset)
    return materialized - failed, under_way
