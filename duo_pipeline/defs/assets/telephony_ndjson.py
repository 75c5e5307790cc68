"""`duo/telephony_ndjson`: the hours of Duo's telephony log, landed in S3; and the assets around it."""

from collections.abc import Callable
from datetime import datetime

import dagster as dg

from duo_pipeline.config import settings
from duo_pipeline.config.account import Account
from duo_pipeline.defs import tags
from duo_pipeline.defs.assets.earlier_tries import done_before
from duo_pipeline.defs.assets.harmless_errors import harmless_errors
from duo_pipeline.defs.assets.hours_run import HoursRun, reasons
from duo_pipeline.defs.assets.materializations import Materializations
from duo_pipeline.defs.checks import complete, evaluations
from duo_pipeline.defs.checks.evaluations import COMPLETE, Verdict
from duo_pipeline.defs.partitions import contiguous, hour_of, hours_between, span, why_not_readable
from duo_pipeline.duo.errors import DuoError, may_be_of_one_hour
from duo_pipeline.landing.bucket import BucketError


def external_assets(account: str) -> tuple[dg.AssetSpec, dg.AssetSpec]:
    """Return the assets at both ends of an account's pipeline: Duo's log and the SecOps feed."""
    log = dg.AssetSpec(
        [account, "admin_api_telephony_log"],
        description="Duo's telephony log: each call that Duo made and each text message that it sent to let"
        " somebody log in. `GET /admin/v2/logs/telephony`, the last 180 days.",
        group_name=account,
        kinds={"api"},
    )
    feed = dg.AssetSpec(
        [account, "secops_feed"],
        deps=[[account, "telephony_ndjson"]],
        description="The feed of Google SecOps (Amazon S3 V2, DUO_TELEPHONY): it looks for new log objects"
        " about every 15 minutes, and ingests each once.",
        group_name=account,
        kinds={"googlecloud"},
    )
    return log, feed


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
        deps=[[account.name, "admin_api_telephony_log"]],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=account.pool,
        required_resource_keys={account.duo_resource, account.feed_resource},
        group_name=account.name,
        kinds={"s3", "json"},
        check_specs=[evaluations.spec_by_partition(COMPLETE, complete.DESCRIPTION, key, partitions)],
    )
    @harmless_errors()
    def asset(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
        hours = sorted(hour_of(key) for key in context.partition_keys)
        refusals = {hour: why_not_readable(hour, now(), settle_minutes) for hour in hours}
        problems = {hour: f"the hour {why}." for hour, why in refusals.items() if why}
        readable = [hour for hour in hours if hour not in problems]
        done = Materializations(context, key)
        done.add_written(done_before(context, readable))
        verdicts: dict[datetime, Verdict] = {}
        stopped: str | None = None
        explained = True
        try:
            if unread := [hour for hour in readable if hour not in done.done]:
                run = HoursRun(context, account, key, unread, done, now)
                verdicts = run.verdicts
                try:
                    for first, last in contiguous(unread):
                        run.land(hours_between(first, last))
                finally:
                    problems |= run.problems
        except (settings.SettingsError, DuoError, BucketError) as error:
            stopped = str(error)
            explained = not may_be_of_one_hour(error)
        except BaseException:  # somebody cancels the run, or this program has a fault
            done.write()
            raise
        if stopped is None and not problems:
            done.pass_metadata(context)
            read_before = Verdict(True, "An earlier try of this run has read these hours.")
            verdicts = verdicts or {hours[-1]: read_before}
            return dg.MaterializeResult(check_results=[evaluations.result(context, COMPLETE, verdicts)])
        done.write()
        evaluations.record(context, key, COMPLETE, verdicts)
        if explained:
            context.instance.add_run_tags(context.run.run_id, {tags.EXPLAINED: "true"})
        reason = reasons(problems)
        if stopped:
            left = [hour for hour in readable if hour not in done.done]
            reason = f"{_with_what_is_left(stopped, left, hours)} {reason}".strip()
        raise dg.Failure(reason, allow_retries=False)

    return asset


def _with_what_is_left(reason: str, left: list[datetime], hours: list[datetime]) -> str:
    if len(hours) == 1 or not left:
        return reason
    landed = f"{len(hours) - len(left)} of {len(hours)} hours have landed"
    return f"{reason.removesuffix('.')}; {landed}: run {span(left)} again."
