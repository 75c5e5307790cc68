"""Which hours are done, in doubt or under way, and which ranges must be requested.

An hour is done if it is materialized and has not failed since, and in doubt if its check ``complete`` is red.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

import dagster as dg

from duo_pipeline.defs import internals, tags
from duo_pipeline.defs.checks.evaluations import COMPLETE, red
from duo_pipeline.defs.partitions import HOUR, contiguous, hour_of, key_of

DOUBTFUL_AT_A_TIME = 24
MOST_UNEXPLAINED = 4
"""If more runs than this have failed for an unknown reason, the hours are not the cause."""
_PAGE = 1000


class Recorded(NamedTuple):
    """A materialization of an hour: the run that recorded it, and its metadata."""

    hour: datetime
    run_id: str
    metadata: Mapping[str, dg.MetadataValue]


def recorded(
    instance: dg.DagsterInstance, asset: dg.AssetKey, hours: Collection[datetime]
) -> Iterator[Recorded]:
    """Yield the materializations of these hours, newest first."""
    asked = dg.AssetRecordsFilter(asset, asset_partitions=[key_of(hour) for hour in hours])
    cursor: str | None = None
    while hours:
        page = instance.fetch_materializations(asked, limit=_PAGE, cursor=cursor)
        for record in page.records:
            if record.partition_key and record.asset_materialization:
                metadata = record.asset_materialization.metadata
                yield Recorded(hour_of(record.partition_key), record.run_id, metadata)
        if not page.has_more:
            return
        cursor = page.cursor


def missing(
    instance: dg.DagsterInstance,
    asset: dg.AssetsDefinition,
    hours: Collection[datetime],
    *,
    or_under_way: bool = False,
) -> list[datetime]:
    """Return the hours that are not done, or are in doubt.

    Args:
        instance: The Dagster instance.
        asset: The asset.
        hours: The hours to look at.
        or_under_way: Whether to return also the hours whose run is queued or running.
    """
    materialized, failed, under_way = internals.partition_status(instance, asset)
    done = materialized - failed - in_doubt(instance, asset, hours).keys()
    fine = done - under_way if or_under_way else done | under_way
    return [hour for hour in hours if key_of(hour) not in fine]


def in_doubt(
    instance: dg.DagsterInstance, asset: dg.AssetsDefinition, hours: Iterable[datetime]
) -> dict[str, int]:
    """Return the partition keys of the hours in doubt, oldest evaluation first.

    Such an hour may be recorded: a long query records its first hours before Duo's answers turn out to
    contradict each other.
    """
    return red(instance, dg.AssetCheckKey(asset.key, COMPLETE), hours)


def runs_that_did_not_record(instance: dg.DagsterInstance, asset: dg.AssetsDefinition) -> dict[datetime, str]:
    """Return the hours that their latest run has not recorded, or not yet, with that run's id."""
    runs = internals.runs_that_did_not_materialize(instance, asset.key)
    return {hour_of(key): run_id for key, run_id in runs.items()}


def to_request(
    instance: dg.DagsterInstance, asset: dg.AssetsDefinition, hours: list[datetime]
) -> list[tuple[datetime, datetime]]:
    """Return the ranges to read among these hours: what is missing, failed, or in doubt.

    Only some of the hours in doubt are requested at a time, oldest evaluation first: Duo may contradict
    itself for good, and an hour in doubt can cost two requests. The hours of a run that failed for an unknown
    reason are requested in two parts, so that one hour cannot hold up the rest.
    """
    later = {*[*in_doubt(instance, asset, hours)][DOUBTFUL_AT_A_TIME:]}
    wanted = [hour for hour in missing(instance, asset, hours) if key_of(hour) not in later]
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
    latest_runs = runs_that_did_not_record(instance, asset)
    of_hours = {hour: latest_runs[hour] for hour in hours if hour in latest_runs}
    if not of_hours:
        return {}
    runs = instance.get_runs(
        dg.RunsFilter(run_ids=sorted(set(of_hours.values())), statuses=[dg.DagsterRunStatus.FAILURE])
    )
    unexplained = {run.run_id for run in runs if tags.EXPLAINED not in run.tags}
    return {hour: run_id for hour, run_id in of_hours.items() if run_id in unexplained}
