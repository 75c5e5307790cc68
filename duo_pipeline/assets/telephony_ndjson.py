"""`duo/telephony_ndjson`: the hours of Duo's telephony log, landed in S3."""

import os
from collections.abc import Callable
from datetime import datetime

import dagster as dg

from duo_pipeline import checks, settings
from duo_pipeline.account import Account
from duo_pipeline.assets.earlier_tries import done_before
from duo_pipeline.assets.external import admin_api_log
from duo_pipeline.assets.hours_run import HoursRun, IncompleteLogError
from duo_pipeline.assets.recording import Recording
from duo_pipeline.duo.errors import DuoError
from duo_pipeline.landing.bucket import BucketError
from duo_pipeline.partitions import contiguous, hour_of, hours_between, key_of, refusal, span
from duo_pipeline.resources import DuoAdminApi, TelephonyFeed


def telephony_ndjson(
    account: Account,
    partitions: dg.PartitionsDefinition[str],
    settle_minutes: int,
    now: Callable[[], datetime],
) -> dg.AssetsDefinition:
    """Make the asset of one Duo account.

    Args:
        account: The account.
        partitions: The hours.
        settle_minutes: How long after its end an hour is settled.
        now: The time, in UTC.
    """
    key = dg.AssetKey([account.name, "telephony_ndjson"])

    @dg.asset(
        key=key,
        description="Duo's telephony records of the hour, as the log objects that SecOps reads. A run over"
        " several hours reads them with one query. Running an hour again is harmless: what is in S3 is not"
        " written again, and a record that Duo shows late lands as a new object.",
        deps=[admin_api_log(account.name)],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=account.pool,
        group_name=account.name,
        kinds={"s3", "json"},
        check_specs=[checks.complete(key, partitions)],
    )
    def asset(
        context: dg.AssetExecutionContext, duo_admin_api: DuoAdminApi, telephony_feed: TelephonyFeed
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        hours = sorted(hour_of(key) for key in context.partition_keys)
        refused = {hour: why for hour in hours if (why := refusal(hour, now(), settle_minutes))}
        for hour, why in refused.items():
            context.log.error(f"The hour {key_of(hour)} {why}.")
        readable = [hour for hour in hours if hour not in refused]
        recording = Recording(context)
        for hour, figures in done_before(context, readable).items():
            recording.add_written(hour, figures)
        verdicts: dict[datetime, checks.Verdict] = {}
        try:
            for first, last in contiguous(hour for hour in readable if hour not in recording.done):
                duo, feed = settings.duo_and_feed(os.environ, account)
                run = HoursRun(context, recording, duo_admin_api, duo, telephony_feed.open(feed), now)
                unread = hours_between(first, last)
                verdicts |= dict.fromkeys(unread, run.land(unread))
        except IncompleteLogError as error:
            recording.take_back(unread)
            recording.write()
            verdicts |= dict.fromkeys(unread, checks.Verdict(False, str(error)))
            checks.record(context, checks.COMPLETE, verdicts)
            raise dg.Failure(str(error), allow_retries=False) from None
        except (settings.SettingsError, DuoError, BucketError) as error:
            recording.write()
            checks.record(context, checks.COMPLETE, verdicts)
            left = [hour for hour in readable if hour not in recording.done]
            raise dg.Failure(_with_what_is_left(str(error), left, hours), allow_retries=False) from None
        except BaseException:  # somebody cancels the run, or a fault of this program
            recording.write()
            raise
        if refused:
            recording.write()
            checks.record(context, checks.COMPLETE, verdicts)
            first, why = min(refused.items())
            reason = f"{span(refused)} cannot be read: the hour {key_of(first)} {why}."
            raise dg.Failure(reason, allow_retries=False)
        recording.finish()
        verdicts = verdicts or {hours[-1]: checks.Verdict(True, "An earlier try of this run has read it.")}
        return dg.MaterializeResult(check_results=[checks.result(context, checks.COMPLETE, verdicts)])

    return asset


def _with_what_is_left(reason: str, left: list[datetime], hours: list[datetime]) -> str:
    if len(hours) == 1 or not left:
        return reason
    landed = f"{len(hours) - len(left)} of {len(hours)} hours have landed"
    return f"{reason.removesuffix('.')}; {landed}, run {span(left)} again."
