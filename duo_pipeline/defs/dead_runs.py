"""Runs that are said to be running and do not."""

from datetime import datetime, timedelta

import dagster as dg
import psutil

from duo_pipeline.defs import tags
from duo_pipeline.defs.partitions import key_of

SILENCE = timedelta(hours=1)
"""A run writes at least a line for each page, wait and twenty seconds of work, so by then it is dead."""
CLOCKS_SECONDS = 60
"""So far the system's time of a process's start may lie from the process's own: its clock is set at times."""


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
        if not may_be_for(run, asset):
            continue
        if not _is_silent(instance, record, now) and not _process_is_gone(instance, run):
            continue
        latest = instance.get_run_by_id(run.run_id)
        if latest is None or latest.is_finished:
            continue  # it has ended since, and so has its process
        if looked_at and _first_hour(run) >= key_of(looked_at[0]):
            # a retry of the whole run would be a second reading
            instance.add_run_tags(run.run_id, {tags.MAX_RETRIES: "0"})
        instance.report_run_failed(run, "The run's process is gone.")
        ended.append(run.run_id)
    return ended


def may_be_for(run: dg.DagsterRun, asset: dg.AssetsDefinition) -> bool:
    """Say whether the run may be for the asset: by its selection, or by the account of its job."""
    account, account_of_run = asset.key.path[0], run.tags.get(tags.ACCOUNT)
    return account_of_run in (None, account) and asset.key in (run.asset_selection or {asset.key})


def _first_hour(run: dg.DagsterRun) -> str:
    return run.tags.get(tags.RANGE_START) or run.tags.get(tags.PARTITION, "")


def _is_silent(instance: dg.DagsterInstance, record: dg.RunRecord, now: datetime) -> bool:
    logs = instance.get_records_for_run(record.dagster_run.run_id, limit=1, ascending=False).records
    wrote = logs[0].event_log_entry.timestamp if logs else record.start_time
    return wrote is not None and now.timestamp() - wrote > SILENCE.total_seconds()


def _process_is_gone(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    if tags.STARTED_BY_CODE_SERVER not in run.tags:
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
