"""The schedule that requests the receipts of hours that have none, or a red one."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import dagster as dg

from duo_pipeline.config.account import Account
from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs import internals
from duo_pipeline.defs.checks.evaluations import RECEIVED, red
from duo_pipeline.defs.partitions import key_of, last_settled
from duo_pipeline.defs.schedules import run_request, schedule_in_utc

CRON = "50 * * * *"
"""Between two runs of the hourly schedule."""


def receipts_schedule(
    account: Account,
    lines: dg.AssetsDefinition,
    events: dg.AssetsDefinition,
    hours: HourSettings,
    wait: timedelta,
    now: Callable[[], datetime],
) -> dg.ScheduleDefinition:
    """Make the schedule of one Duo account.

    Args:
        account: The account.
        lines: The asset whose hours are in the feed.
        events: The asset whose hours are receipts.
        hours: Which hours there are.
        wait: How long after landing SecOps may lack some of an hour.
        now: The time, in UTC.
    """

    @schedule_in_utc(
        name=account.receipts_job,
        cron_schedule=CRON,
        job_name=account.receipts_job,
        description="Each hour, requests the receipts of the landed hours of the last DUO_LOOKBACK_HOURS that"
        " have none, a red one, or one that is older than their lines: as one run. An hour that landed less"
        " than SECOPS_WAIT_MINUTES ago waits.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        wanted = to_request(context.instance, lines, events, hours, now() - wait)
        if wanted:
            yield run_request(wanted[0], wanted[-1])
        else:
            yield dg.SkipReason("Every landed hour that SecOps can have by now has a green receipt.")

    return schedule


def to_request(
    instance: dg.DagsterInstance,
    lines: dg.AssetsDefinition,
    events: dg.AssetsDefinition,
    hours: HourSettings,
    judged_until: datetime,
) -> list[datetime]:
    """Return the landed hours whose receipt is missing, red, or older than their lines.

    Hours that a run is working on are left out, and hours that landed too recently to be judged.
    """
    settled = last_settled(hours, judged_until, hours.lookback_hours)
    landed, receipts = (internals.newest_materializations(instance, one.key) for one in (lines, events))
    doubtful = red(instance, dg.AssetCheckKey(events.key, RECEIVED), settled).keys()
    stale = {key for key, at in landed.items() if at > receipts.get(key, at)}
    done, failed, under_way = internals.partition_status(instance, events)
    fine = done - failed - doubtful - stale | under_way
    return [hour for hour in settled if key_of(hour) in landed.keys() - fine]
