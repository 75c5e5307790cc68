"""When hours are read without anybody asking."""

from collections.abc import Callable, Iterator
from datetime import datetime

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from duo_pipeline import checks, watch
from duo_pipeline.account import Account
from duo_pipeline.partitions import contiguous, key_of, last_settled
from duo_pipeline.settings import HourSettings

RECONCILE_CRON = "35 2 * * *"
"""Each night, between two runs of the hourly schedule."""


def telephony_hourly(
    account: Account,
    asset: dg.AssetsDefinition,
    hours: HourSettings,
    now: Callable[[], datetime],
) -> dg.ScheduleDefinition:
    """Make the schedule that requests what is missing.

    Dagster's own schedule of a partitioned job requests the newest hour alone, and forgets those of an
    outage. This one asks, each hour, which settled hours of the look-back are missing or failed.

    Args:
        account: The account whose job is requested.
        asset: The asset whose hours are looked at.
        hours: Which hours there are.
        now: The time, in UTC.
    """

    @dg.schedule(
        name=account.schedules[0],
        cron_schedule=f"{hours.settle_minutes % 60} * * * *",
        execution_timezone="UTC",
        job_name=account.job,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Requests each settled hour of the last DUO_LOOKBACK_HOURS that is missing or failed, a"
        " run for each contiguous range, unless a run of it is queued or running.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        settled = last_settled(hours, now(), hours.lookback_hours)
        for run_id in watch.end_dead_runs(context.instance, asset, settled, now()):
            context.log.warning(f"The process of the run {run_id} was gone, and the run has been failed.")
        verdict = watch.left_out(context.instance, asset, hours, now())
        context.instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=asset.key,
                check_name=checks.LEFT_OUT,
                passed=verdict.passed,
                description=verdict.sentence,
            )
        )
        incomplete = watch.incomplete(context.instance, asset, settled)
        missing = watch.missing(context.instance, asset, settled, incomplete)
        if not missing:
            yield dg.SkipReason(f"None of the last {len(settled)} settled hours is missing.")
        for first, last in contiguous(missing):
            yield run_request(first, last)

    return schedule


def telephony_reconcile(
    account: Account, hours: HourSettings, now: Callable[[], datetime]
) -> dg.ScheduleDefinition:
    """Make the schedule that reads the newest hours again, for what Duo showed late.

    Args:
        account: The account whose job is requested.
        hours: Which hours there are.
        now: The time, in UTC.
    """

    @dg.schedule(
        name=account.schedules[1],
        cron_schedule=RECONCILE_CRON,
        execution_timezone="UTC",
        job_name=account.job,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Reads the last DUO_RECONCILE_HOURS settled hours again, as one range, for late records.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:  # noqa: ARG001
        settled = last_settled(hours, now(), hours.reconcile_hours)
        if settled:
            yield run_request(settled[0], settled[-1])
        else:
            yield dg.SkipReason("No hour is settled yet.")

    return schedule


def run_request(first: datetime, last: datetime) -> dg.RunRequest:
    """Request one run for the hours from ``first`` to ``last``."""
    start, end = key_of(first), key_of(last)
    if start == end:
        return dg.RunRequest(run_key=start, partition_key=start)
    return dg.RunRequest(
        run_key=f"{start}...{end}",
        tags={ASSET_PARTITION_RANGE_START_TAG: start, ASSET_PARTITION_RANGE_END_TAG: end},
    )
