"""Runs that Dagster believes to be running although their process is gone."""

from datetime import datetime, timedelta

import dagster as dg
import psutil

from duo_pipeline.defs import tags
from duo_pipeline.defs.partitions import key_of

SILENCE = timedelta(hours=1)
"""A live run writes a line for each page, each wait and each 20 seconds of work, so a silent run is dead."""
CLOCK_SKEW_SECONDS = 60
"""The start of a process may differ by this much from its log's clock: clocks are set from time to time."""


def end_dead_runs(
    instance: dg.DagsterInstance, asset: dg.AssetsDefinition, looked_at: list[datetime], now: datetime
) -> list[str]:
    """Fail the runs that Dagster believes to be running but that are dead, and return their ids.

    Dagster learns from the code server that a run was killed. It does not learn this when the code server was
    killed as well (a reboot), when the database was down at that time, or when somebody started the run from
    the command line. Such a run stays STARTED for ever: its hours count as in progress, and it keeps its
    place in the pool.

    A run that the code server started is dead when its process is gone from this machine: the code server
    evaluates the tick on the same machine. Any other run is dead when it has written nothing for an hour.

    Args:
        instance: The Dagster instance.
        asset: The asset whose runs are examined.
        looked_at: The hours that this tick requests again if they are missing.
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
            continue  # it has ended in the meantime, and its process with it
        if looked_at and _first_hour(run) >= key_of(looked_at[0]):
            # the tick requests these hours: a retry of the run would read them a second time
            instance.add_run_tags(run.run_id, {tags.MAX_RETRIES: "0"})
        instance.report_run_failed(run, "The run's process is gone.")
        ended.append(run.run_id)
    return ended


def may_be_for(run: dg.DagsterRun, asset: dg.AssetsDefinition) -> bool:
    """Return whether the run may be for the asset: by its selection, and by the account and log of its job.

    The name of a job begins with the name of its log, as the asset's does: ``telephony_reconcile``.
    """
    account, log = asset.key.path[0], asset.key.path[-1].partition("_")[0]
    is_of_job = tags.ACCOUNT in run.tags
    if is_of_job and not (run.tags[tags.ACCOUNT] == account and run.job_name.startswith(log)):
        return False
    return asset.key in (run.asset_selection or {asset.key})


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
    """Return whether the process that had this id at that time (Unix seconds) is still running."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() < at + CLOCK_SKEW_SECONDS
    except psutil.NoSuchProcess:
        return False
