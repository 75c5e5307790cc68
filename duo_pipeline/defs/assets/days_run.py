"""The days of one run, from their lines in S3 to their usage, and into what Dagster knows."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg

from duo_pipeline.config.account import Account
from duo_pipeline.config.settings import SettingsError
from duo_pipeline.defs.assets.usage_metadata import usage_metadata
from duo_pipeline.defs.checks import no_abuse
from duo_pipeline.defs.checks.evaluations import Verdict
from duo_pipeline.defs.days import day_of, hours_of, key_of_day
from duo_pipeline.defs.partition_status import missing
from duo_pipeline.defs.resources import DuoAdminApi, S3Feed, duo_and_feed, feed_of
from duo_pipeline.defs.usage_days import UsageDays
from duo_pipeline.duo.errors import DuoError, DuoRefusal
from duo_pipeline.duo.telephony_log import credits_remaining
from duo_pipeline.landing.bucket import BucketError
from duo_pipeline.usage.credits import CreditsLeft, credits_left, credits_low
from duo_pipeline.usage.day import Usage, usage_of
from duo_pipeline.usage.profile import Profile
from duo_pipeline.usage.rules import COUNTRY_DAYS, CREDITS_LOW, Thresholds

NO_RIGHT = 40301
"""Duo's code for a permission that the application does not have."""
NEWS = timedelta(days=7)
"""Findings of older days that get their usage for the first time are no news: it is a backfill."""


def make_usage(
    context: dg.AssetExecutionContext,
    account: Account,
    ndjson: dg.AssetsDefinition,
    thresholds: Thresholds,
    now: Callable[[], datetime],
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Make and record the usage of the run's days.

    Args:
        context: The step's context; its partition keys are the days.
        account: The account.
        ndjson: The asset with its hours.
        thresholds: The thresholds of the rules.
        now: The time, in UTC.

    Raises:
        dg.Failure: A setting is missing or wrong, or S3 refused a request or could not be reached.
    """
    days = sorted(day_of(key) for key in context.partition_keys)
    verdicts: dict[date, Verdict] = {}
    news: list[date] = []
    try:
        stored = UsageDays(feed_of(context.resources, account))
        first, today = days[0] - timedelta(days=COUNTRY_DAYS), now().date()
        known = stored.profiles([first + timedelta(days=n) for n in range((today - first).days + 1)])
        hours = [hour for day in days for hour in hours_of(day)]
        not_landed = {*missing(context.instance, ndjson, hours, or_under_way=True)}
        for day in days:
            before = [one for one in known.values() if one.day < day]
            landed = [hour.hour for hour in hours_of(day) if hour not in not_landed]
            usage = usage_of(day, landed, stored.lines(day), before, thresholds)
            left: CreditsLeft | str = "Duo is asked on the newest day."
            if day >= max(known, default=day) and day >= today - timedelta(days=1):
                left = _credits_left(context, account, stored, today, [usage.profile, *reversed(before)])
                usage = _with_credits(usage, left, thresholds)
            objects = stored.write(usage)
            if usage.findings and _is_news(known.get(day), day, today):
                news.append(day)
            known[day] = usage.profile
            verdicts[day] = no_abuse.verdict(usage)
            metadata = usage_metadata(usage, before=before, left=left, objects=objects)
            context.add_asset_metadata(metadata, partition_key=key_of_day(day))
    except (SettingsError, BucketError) as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    open_hours = no_abuse.open_hours(known.values(), news)
    return dg.MaterializeResult(check_results=[no_abuse.result(context, verdicts, open_hours)])


def _is_news(before: Profile | None, day: date, today: date) -> bool:
    """Return whether people do not know of the findings of a day, and should."""
    return not before.found if before else day >= today - NEWS


def _with_credits(usage: Usage, left: CreditsLeft | str, thresholds: Thresholds) -> Usage:
    """Return a usage to which `credits_low` was applied."""
    if isinstance(left, str):
        return replace(usage, off={**usage.off, CREDITS_LOW: f"is off: {left}"})
    found = credits_low(left, thresholds)
    profile = replace(usage.profile, found=[*usage.profile.found, *(one.rule for one in found)])
    return replace(usage, findings=[*usage.findings, *found], profile=profile)


def _credits_left(
    context: dg.AssetExecutionContext,
    account: Account,
    stored: UsageDays,
    today: date,
    newest_first: Sequence[Profile],
) -> CreditsLeft | str:
    """Return the credits that are left, or why they are not known; ask Duo once a day."""
    said = stored.credits()
    if said is None or said.get("asked") != today.isoformat():
        said = {"asked": today.isoformat(), **_ask(context, account)}
        stored.write_credits(said)
    if "remaining" not in said:
        return str(said["unknown"])
    return credits_left(said["remaining"], today, newest_first)


def _ask(context: dg.AssetExecutionContext, account: Account) -> dict[str, Any]:
    """Ask Duo for the credits that are left, with one request."""
    duo: DuoAdminApi = getattr(context.resources, account.duo_resource)
    feed: S3Feed = getattr(context.resources, account.feed_resource)
    try:
        settings, _ = duo_and_feed(account, duo, feed)
        api = duo.open(replace(settings, retry_attempts=1), lambda *_: None)
        return {"remaining": credits_remaining(api)}
    except DuoRefusal as error:
        if error.code == NO_RIGHT:
            return {"unknown": "the Admin API application lacks the permission 'Grant read information'."}
        return {"unknown": str(error)}
    except (SettingsError, DuoError) as error:
        return {"unknown": str(error)}
