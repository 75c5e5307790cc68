"""`duo/telephony_ndjson`: the hours of Duo's telephony log, landed in S3."""

from collections.abc import Callable
from datetime import datetime

import dagster as dg

from duo_pipeline.config import settings
from duo_pipeline.config.account import Account
from duo_pipeline.defs import tags
from duo_pipeline.defs.assets.earlier_tries import done_before
from duo_pipeline.defs.assets.external import admin_api_log
from duo_pipeline.defs.assets.hours_run import HoursRun, reasons
from duo_pipeline.defs.assets.recording import Recording
from duo_pipeline.defs.checks import complete
from duo_pipeline.defs.checks import evaluations as checks
from duo_pipeline.defs.partitions import contiguous, hour_of, hours_between, refusal, span
from duo_pipeline.duo.errors import DuoError, may_be_of_one_hour
from duo_pipeline.landing.bucket import BucketError


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
        " several hours reads them with one query. Running an hour again is harmless: a record that S3 has is"
        " not written again, and one that Duo shows late lands in a new object.",
        deps=[admin_api_log(account.name)],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=account.pool,
        required_resource_keys=set(account.resources),
        group_name=account.name,
        kinds={"s3", "json"},
        check_specs=[complete.spec(key, partitions)],
    )
    def asset(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
        hours = sorted(hour_of(key) for key in context.partition_keys)
        refused = {hour: why for hour in hours if (why := refusal(hour, now(), settle_minutes))}
        readable = [hour for hour in hours if hour not in refused]
        recording = Recording(context)
        for hour, metadata in done_before(context, readable).items():
            recording.add_written(hour, metadata)
        run: HoursRun | None = None
        stopped: str | None = None
        explained = True
        try:
            unread = [hour for hour in readable if hour not in recording.done]
            if unread:
                known = context.instance.get_materialized_partitions(context.asset_key)
                in_doubt = checks.red(context.instance, dg.AssetCheckKey(key, checks.COMPLETE), unread)
                api, feed = (getattr(context.resources, key) for key in account.resources)
                run = HoursRun(account, context.log, recording, known, in_doubt, api, feed, now)
                for first, last in contiguous(unread):
                    run.land(hours_between(first, last))
        except (settings.SettingsError, DuoError, BucketError) as error:
            stopped = str(error)
            explained = not may_be_of_one_hour(error)
        except BaseException:  # somebody cancels the run, or this program has a fault
            recording.write()
            raise
        verdicts = run.verdicts if run else {}
        problems = {hour: f"the hour {why}" for hour, why in refused.items()}
        problems |= run.problems if run else {}
        if stopped is None and not problems:
            recording.finish()
            read_before = checks.Verdict(True, "An earlier try of this run has read these hours.")
            verdicts = verdicts or {hours[-1]: read_before}
            return dg.MaterializeResult(check_results=[checks.result(context, checks.COMPLETE, verdicts)])
        recording.write()
        checks.record(context, context.asset_key, checks.COMPLETE, verdicts)
        if explained:
            context.instance.add_run_tags(context.run.run_id, {tags.EXPLAINED: "true"})
        reason = reasons(problems)
        if stopped:
            left = [hour for hour in readable if hour not in recording.done]
            reason = f"{_with_what_is_left(stopped, left, hours)} {reason}".strip()
        raise dg.Failure(reason, allow_retries=False)

    return asset


def _with_what_is_left(reason: str, left: list[datetime], hours: list[datetime]) -> str:
    if len(hours) == 1 or not left:
        return reason
    landed = f"{len(hours) - len(left)} of {len(hours)} hours have landed"
    return f"{reason.removesuffix('.')}; {landed}: run {span(left)} again."
