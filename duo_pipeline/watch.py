"""What the hourly tick looks after besides requesting hours: hours left out, and runs that fell silent."""

from collections.abc import Collection
from datetime import datetime, timedelta

import dagster as dg
import psutil
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_START_TAG,
    GRPC_INFO_TAG,
    MAX_RETRIES_TAG,
    PARTITION_NAME_TAG,
)

from duo_pipeline import checks
from duo_pipeline.account import TAG
from duo_pipeline.checks import Verdict
from duo_pipeline.partitions import DUO_HISTORY, HOUR, hour_of, hours_between, key_of, last_settled, named
from duo_pipeline.settings import HourSettings

SILENCE = timedelta(hours=1)
"""A run writes at least a line for each page, wait and twenty seconds of work, so by then it is dead."""
CLOCKS_SECONDS = 60
"""So far the system's time of a process's start may lie from the process's own: its clock is set at times."""


def missing(
    instance: dg.DagsterInstance,
    asset: dg.AssetsDefinition,
    hours: list[datetime],
    incomplete: Collection[str] = (),
) -> list[datetime]:
    """Give those of the hours that are neither done nor queued nor running.

    Args:
        instance: Knows what was done.
        asset: The asset.
        hours: The hours to look at.
        incomplete: The keys of hours that do not count as done.
    """
    done, under_way = _known(instance, asset)
    fine = done.difference(incomplete) | under_way
    return [hour for hour in hours if key_of(hour) not in fine]


def not_done(
    instance: dg.DagsterInstance, asset: dg.AssetsDefinition, hours: list[datetime]
) -> list[datetime]:
    """Give those of the hours that are not done, or not whole, whether or not a run is at it."""
    done, under_way = _known(instance, asset)
    fine = done - under_way - incomplete(instance, asset, hours)
    return [hour for hour in hours if key_of(hour) not in fine]


def unfinished(instance: dg.DagsterInstance, asset: dg.AssetsDefinition) -> dict[datetime, str]:
    """Give the hours that their latest run has not done, or not yet, with that run's id."""
    log = instance.event_log_storage
    attempts = log.get_latest_asset_partition_materialization_attempts_without_materializations(asset.key)
    return {hour_of(key): run_id for key, (run_id, _) in attempts.items()}


def incomplete(instance: dg.DagsterInstance, asset: dg.AssetsDefinition, hours: list[datetime]) -> set[str]:
    """Give the keys of those of the hours of whose query Duo counted more than it showed.

    Of a long query, hours are recorded before it is known that some of its records have not come.
    """
    infos = instance.event_log_storage.get_asset_check_partition_info(
        [dg.AssetCheckKey(asset.key, checks.COMPLETE)], partition_keys=[key_of(hour) for hour in hours]
    )
    red = AssetCheckExecutionRecordStatus.FAILED
    return {
        info.partition_key for info in infos if info.partition_key and info.latest_execution_status is red
    }


def left_out(
    instance: dg.DagsterInstance, asset: dg.AssetsDefinition, settings: HourSettings, now: datetime
) -> Verdict:
    """Say which hours between the first one and the look-back are missing: no tick will request them."""
    looked_back = last_settled(settings, now, settings.lookback_hours)
    oldest = max(settings.start, _whole_hour(now - DUO_HISTORY + 2 * HOUR))
    until = looked_back[0] if looked_back else oldest
    absent = missing(instance, asset, hours_between(oldest, until - HOUR))
    if not absent:
        return Verdict(True, "No hour that Duo still keeps is missing before the look-back.")
    return Verdict(
        False,
        f"{len(absent):,} hours before the look-back are missing: {named(absent)}; materialize them (a range"
        " is one query), or set DUO_PARTITIONS_START later if nobody wants them.",
    )


def end_dead_runs(
    instance: dg.DagsterInstance, asset: dg.AssetsDefinition, looked_at: list[datetime], now: datetime
) -> list[str]:
    """Fail the runs that are said to be running and do not; give their ids.

    Dagster learns of a killed run from the code server that started it. When that one was killed, too, as in
    a reboot, when its storage was down meanwhile, or when the run was started from the command line, it stays
    STARTED for ever: its hours would count as in progress, and its place in the pool as taken.

    A run that the code server started is dead when its process is gone from this machine, which is where the
    code server evaluates the tick; any other one when it has written nothing for an hour.

    Args:
        instance: Knows the runs.
        asset: The asset.
        looked_at: The hours that are requested anew, at once, if they are missing.
        now: The time, in UTC.
    """
    ended = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        run = record.dagster_run
        if not is_of(run, asset):
            continue
        if not _is_silent(instance, record, now) and not _process_is_gone(instance, run):
            continue
        latest = instance.get_run_by_id(run.run_id)
        if latest is None or latest.is_finished:
            continue  # it has ended since, and so has its process
        if looked_at and _first_hour(run) >= key_of(looked_at[0]):
            # a retry of the whole run would be a second reading
            instance.add_run_tags(run.run_id, {MAX_RETRIES_TAG: "0"})
        instance.report_run_failed(run, "The run's process is gone.")
        ended.append(run.run_id)
    return ended


def is_of(run: dg.DagsterRun, asset: dg.AssetsDefinition) -> bool:
    """Say whether the run may be for the asset: by its selection, or by the account of its job."""
    account, account_of_run = asset.key.path[0], run.tags.get(TAG)
    return account_of_run in (None, account) and asset.key in (run.asset_selection or {asset.key})


def _first_hour(run: dg.DagsterRun) -> str:
    return run.tags.get(ASSET_PARTITION_RANGE_START_TAG) or run.tags.get(PARTITION_NAME_TAG, "")


def _is_silent(instance: dg.DagsterInstance, record: dg.RunRecord, now: datetime) -> bool:
    logs = instance.get_records_for_run(record.dagster_run.run_id, limit=1, ascending=False).records
    wrote = logs[0].event_log_entry.timestamp if logs else record.start_time
    return wrote is not None and now.timestamp() - wrote > SILENCE.total_seconds()


def _process_is_gone(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    if GRPC_INFO_TAG not in run.tags:
        return False
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        event = entry.dagster_event
        pid = event.engine_event_data.metadata.get("pid") if event else None
        if pid is not None:
            return not _runs(int(str(pid.value)), entry.timestamp)
    return False


def _runs(pid: int, at: float) -> bool:
    """Say whether the process that had the id at that time (Unix seconds) still runs."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() < at + CLOCKS_SECONDS
    except psutil.NoSuchProcess:
        return False


def _whole_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _known(instance: dg.DagsterInstance, asset: dg.AssetsDefinition) -> tuple[set[str], set[str]]:
    """Give the keys of the hours that are done, and of those that a run is at, as the UI shows them."""
    partitions = asset.partitions_def
    assert partitions is not None  # noqa: S101 - the asset is made with it
    # for whole ranges: asked hour by hour, half a year takes a quarter of a second
    known = get_and_update_asset_status_cache_value(instance, asset.key, partitions)
    if known is None:
        return set(), set()
    done = known.deserialize_materialized_partition_subsets(partitions)
    failed = known.deserialize_failed_partition_subsets(partitions)
    under_way = known.deserialize_in_progress_partition_subsets(partitions)
    return {*(done - failed).get_partition_keys()}, {*under_way.get_partition_keys()}
