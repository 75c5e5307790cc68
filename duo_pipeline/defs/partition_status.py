"""What the hourly tick looks after besides requesting hours: hours left out, and runs that fell silent."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from itertools import groupby

import dagster as dg
import psutil
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_START_TAG,
    GRPC_INFO_TAG,
    MAX_RETRIES_TAG,
    PARTITION_NAME_TAG,
)

from duo_pipeline.config.account import TAG
from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs.assets.telephony_ndjson import EXPLAINED
from duo_pipeline.defs.checks import evaluations as checks
from duo_pipeline.defs.checks.evaluations import Verdict
from duo_pipeline.defs.checks.usual import hours_needed, unusual
from duo_pipeline.defs.partitions import (
    DUO_HISTORY,
    HOUR,
    contiguous,
    hour_of,
    hours_between,
    key_of,
    last_settled,
    named,
)

SILENCE = timedelta(hours=1)
"""A run writes at least a line for each page, wait and twenty seconds of work, so by then it is dead."""
DOUBTFUL_AT_A_TIME = 24
USUAL_HOURS = 24
MOST_RIDDLES = 4
"""When the runs of more ranges than this have failed without a reason, the hours are not the reason."""
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
    fine = done - under_way - incomplete(instance, asset, hours).keys()
    return [hour for hour in hours if key_of(hour) not in fine]


def unfinished(instance: dg.DagsterInstance, asset: dg.AssetsDefinition) -> dict[datetime, str]:
    """Give the hours that their latest run has not done, or not yet, with that run's id."""
    log = instance.event_log_storage
    attempts = log.get_latest_asset_partition_materialization_attempts_without_materializations(asset.key)
    return {hour_of(key): run_id for key, (run_id, _) in attempts.items()}


def incomplete(
    instance: dg.DagsterInstance, asset: dg.AssetsDefinition, hours: Iterable[datetime]
) -> dict[str, int]:
    """Return the partition keys of the hours in doubt, those judged longest ago first (`checks.red`).

    Of a long query, hours are recorded before it is known that Duo's answers contradict each other.
    """
    return checks.red(instance, dg.AssetCheckKey(asset.key, checks.COMPLETE), hours)


def to_request(
    instance: dg.DagsterInstance, asset: dg.AssetsDefinition, hours: list[datetime]
) -> list[tuple[datetime, datetime]]:
    """Return the ranges of these hours that have to be read: those missing, failed, or in doubt.

    Of the hours in doubt some are asked for at a time, those judged longest ago first. Duo may contradict
    itself for good, and an hour in doubt can cost two requests.
    """
    doubtful = incomplete(instance, asset, hours)
    later = set([*doubtful][DOUBTFUL_AT_A_TIME:])
    wanted = [hour for hour in missing(instance, asset, hours, doubtful) if key_of(hour) not in later]
    riddles = _failed_without_reason(instance, asset, wanted)
    in_parts = len(set(riddles.values())) <= MOST_RIDDLES
    ranges: list[tuple[datetime, datetime]] = []
    for run_id, group in groupby(wanted, riddles.get):
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
    """Return the hours whose latest run has failed, and nobody knows why, each with that run's id."""
    attempts = unfinished(instance, asset)
    of_hours = {hour: attempts[hour] for hour in hours if hour in attempts}
    if not of_hours:
        return {}
    runs = instance.get_runs(
        dg.RunsFilter(run_ids=sorted(set(of_hours.values())), statuses=[dg.DagsterRunStatus.FAILURE])
    )
    unexplained = {run.run_id for run in runs if EXPLAINED not in run.tags}
    return {hour: run_id for hour, run_id in of_hours.items() if run_id in unexplained}


def left_out(
    instance: dg.DagsterInstance, asset: dg.AssetsDefinition, settings: HourSettings, now: datetime
) -> Verdict:
    """Judge the hours before the look-back, which no tick requests: each should be done, and not in doubt."""
    looked_back = last_settled(settings, now, settings.lookback_hours)
    oldest = _whole_hour(now - DUO_HISTORY + 2 * HOUR)
    until = looked_back[0] if looked_back else settings.start
    before = hours_between(settings.start, until - HOUR)
    absent = missing(instance, asset, before, incomplete(instance, asset, before))
    lost = [hour for hour in absent if hour < oldest]
    readable = absent[len(lost) :]
    sentences = []
    if readable:
        sentences.append(
            f"{len(readable):,} hours before the look-back are missing or in doubt: {named(readable)};"
            " materialize them (a range is one query), or set DUO_PARTITIONS_START later if nobody wants"
            " them."
        )
    if lost:
        sentences.append(
            f"{len(lost):,} hours are lost, since Duo keeps 180 days: {named(lost)}; set DUO_PARTITIONS_START"
            " later to accept that."
        )
    fine = "No hour before the look-back is missing or in doubt."
    return Verdict(not sentences, " ".join(sentences) or fine, absent)


def quiet(
    instance: dg.DagsterInstance, asset: dg.AssetsDefinition, settings: HourSettings, now: datetime
) -> Verdict:
    """Judge whether the newest settled hours are far quieter than usual (`usual.unusual`)."""
    newest = last_settled(settings, now, USUAL_HOURS)
    records = _records(instance, asset, {needed for hour in newest for needed in hours_needed(hour)})
    found = {hour: sentence for hour in newest if (sentence := unusual(hour, records))}
    if not found:
        return Verdict(True, f"None of the last {USUAL_HOURS} settled hours is far quieter than usual.")
    return Verdict(False, found[max(found)], sorted(found))


def _records(
    instance: dg.DagsterInstance, asset: dg.AssetsDefinition, hours: Iterable[datetime]
) -> dict[datetime, int]:
    """Return how many records each of these hours has, by its latest materialization."""
    asked = dg.AssetRecordsFilter(asset.key, asset_partitions=[key_of(hour) for hour in hours])
    records: dict[datetime, int] = {}
    cursor: str | None = None
    while True:
        page = instance.fetch_materializations(asked, limit=1000, cursor=cursor)  # the newest first
        for record in page.records:
            count = record.asset_materialization and record.asset_materialization.metadata.get("records")
            if record.partition_key and count and isinstance(count.value, int):
                records.setdefault(hour_of(record.partition_key), count.value)
        if not page.has_more:
            return records
        cursor = page.cursor


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
