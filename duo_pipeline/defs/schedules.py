"""The schedules: one requests missing hours, one reads the newest hours again, one requests usage."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from functools import partial

import dagster as dg

from duo_pipeline.config.account import Account
from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs import tags
from duo_pipeline.defs.checks import as_usual, no_hour_left_out
from duo_pipeline.defs.days import DAY, days_known, key_of_day
from duo_pipeline.defs.dead_runs import end_dead_runs
from duo_pipeline.defs.partition_status import missing, to_request
from duo_pipeline.defs.partitions import HOUR, contiguous, key_of, last_settled

RECONCILE_CRON = "35 2 * * *"
"""Each night, between two runs of the hourly schedule."""
SUNDAY = 6
USAGE_CRON = "25 * * * *"
MADE_ANYWAY_AFTER = timedelta(hours=6)
"""So long after its end, a day's usage is made although its last hour is missing; the usage says so."""
LAST_HOUR = 23


schedule_in_utc = partial(
    dg.schedule, execution_timezone="UTC", default_status=dg.DefaultScheduleStatus.RUNNING
)
"""Decorates a function as a schedule that is on from the start."""
ASSET_CHECKS = (no_hour_left_out.CHECK, as_usual.CHECK)
"""The checks on a whole asset, which each tick of the hourly schedule evaluates."""


def hourly_schedule(
    account: Account,
    asset: dg.AssetsDefinition,
    hours: HourSettings,
    now: Callable[[], datetime],
) -> dg.ScheduleDefinition:
    """Make the schedule that requests missing hours.

    Dagster's own schedule of a partitioned job requests only the newest hour, and forgets the hours of an
    outage. This one requests every settled hour of the look-back that is missing, failed or in doubt.

    Args:
        account: The account whose job is requested.
        asset: The asset whose hours are looked at.
        hours: Which hours there are.
        now: The time, in UTC.
    """

    @schedule_in_utc(
        name=account.hourly_schedule,
        cron_schedule=f"{hours.settle_minutes % 60} * * * *",
        job_name=account.job,
        description="Each hour, requests the settled hours of the last DUO_LOOKBACK_HOURS that are missing,"
        " failed or in doubt: one run for each contiguous range. Leaves out hours whose run is queued or"
        " running.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        settled = last_settled(hours, now(), hours.lookback_hours)
        for run_id in end_dead_runs(context.instance, asset, settled, now()):
            context.log.warning(f"Run {run_id} is dead: it is now marked as failed.")
        for check in ASSET_CHECKS:
            check.report(context.instance, asset, hours, now())
        ranges = to_request(context.instance, asset, settled)
        if not ranges:
            yield dg.SkipReason(
                f"Nothing to request: the last {len(settled)} settled hours are done, under way, or wait for"
                " their turn."
            )
        for first, last in ranges:
            yield run_request(first, last)

    return schedule


def reconcile_schedule(
    account: Account, hours: HourSettings, now: Callable[[], datetime]
) -> dg.ScheduleDefinition:
    """Make the schedule that reads the newest hours again, to find late records.

    Args:
        account: The account whose job is requested.
        hours: Which hours there are.
        now: The time, in UTC.
    """

    @schedule_in_utc(
        name=account.reconcile_job,
        cron_schedule=RECONCILE_CRON,
        job_name=account.reconcile_job,
        description="Finds late records: each night, reads the last DUO_RECONCILE_HOURS settled hours again,"
        " and on Sundays the last DUO_RECONCILE_WEEKLY_HOURS, with one query.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        weekly = hours.reconcile_weekly_hours if context.scheduled_execution_time.weekday() == SUNDAY else 0
        count = max(hours.reconcile_hours, weekly)
        if last_settled(hours, now(), count):
            yield dg.RunRequest(run_config={"ops": {account.reconcile_op: {"config": {"hours": count}}}})
        else:
            yield dg.SkipReason("No hour is settled yet.")

    return schedule


def usage_schedule(
    account: Account,
    usage: dg.AssetsDefinition,
    ndjson: dg.AssetsDefinition,
    hours: HourSettings,
    now: Callable[[], datetime],
) -> dg.ScheduleDefinition:
    """Make the schedule that requests the usage of each day that is over.

    Args:
        account: The account whose job is requested.
        usage: The asset whose days are looked at.
        ndjson: The asset with the hours of the days.
        hours: Which hours there are.
        now: The time, in UTC.
    """

    @schedule_in_utc(
        name=account.usage_job,
        cron_schedule=USAGE_CRON,
        job_name=account.usage_job,
        description="Each hour, requests the usage of the days of the last DUO_LOOKBACK_HOURS that have none:"
        " when the day's last hour has landed, or six hours after the end of the day.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        days = _days_over(context.instance, ndjson, hours, now())
        done, under_way = days_known(context.instance, usage)
        ranges = contiguous((day for day in days if day not in done | under_way), DAY)
        if not ranges:
            yield dg.SkipReason("Each day whose last hour has landed has its usage.")
        for first, last in ranges:
            yield _request(key_of_day(first), key_of_day(last))

    return schedule


def _days_over(
    instance: dg.DagsterInstance, ndjson: dg.AssetsDefinition, hours: HourSettings, now: datetime
) -> list[date]:
    """Return the days of the look-back that are over and whose last hour has landed, or is late."""
    settled = last_settled(hours, now, hours.lookback_hours)
    last = [hour for hour in settled if hour.hour == LAST_HOUR]
    not_done = {*missing(instance, ndjson, last)} if last else set()
    return [hour.date() for hour in last if hour not in not_done or now >= hour + HOUR + MADE_ANYWAY_AFTER]


def run_request(first: datetime, last: datetime) -> dg.RunRequest:
    """Return the request for one run over the hours from ``first`` to ``last``."""
    return _request(key_of(first), key_of(last))


def _request(start: str, end: str) -> dg.RunRequest:
    if start == end:
        return dg.RunRequest(run_key=start, partition_key=start)
    return dg.RunRequest(
        run_key=f"{start}...{end}",
        tags={tags.RANGE_START: start, tags.RANGE_END: end},
    )
