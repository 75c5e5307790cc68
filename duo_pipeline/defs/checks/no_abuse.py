"""`no_abuse`: nothing in a day's usage looks like toll fraud or MFA abuse (a warning)."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from duo_pipeline.defs.checks.evaluations import NO_ABUSE, Verdict, record_one
from duo_pipeline.defs.days import HOURS, hours_of, key_of_day

if TYPE_CHECKING:  # these import pandas and numpy
    from duo_pipeline.usage.day import Usage
    from duo_pipeline.usage.profile import Profile

DESCRIPTION = "Nothing in the day's calls and texts looks like toll fraud or MFA abuse."


def verdict(usage: "Usage") -> Verdict:
    """Return the verdict on a day, from its findings."""
    if usage.findings:
        first, *more = usage.findings
        rules = ", ".join(dict.fromkeys(one.rule for one in more))
        others = f" There are {len(more)} more findings: {rules}." if more else ""
        sentence = f"{first.rule}: {first.sentence} {first.advice}{others}"
        return Verdict(False, sentence, severity=dg.AssetCheckSeverity.WARN)
    missing = usage.missing_hours
    still = f" {len(missing)} hours are missing." if missing else ""
    off = f" These rules are off: {', '.join(usage.off)}." if usage.off else ""
    seen = HOURS - len(missing)
    sentence = f"Nothing in the {seen} hours that have landed looks like abuse.{still}{off}"
    return Verdict(True, sentence, severity=dg.AssetCheckSeverity.WARN)


def open_hours(profiles: "Iterable[Profile]", news: Iterable[date]) -> list[datetime]:
    """Return the hours of the days that an alert is about.

    These are the newest days without a day in between that had no finding, and days that have been found just
    now, perhaps by late records.

    Args:
        profiles: The profiles of the last days.
        news: The days that have a finding now and had none before.
    """
    by_day = {one.day: one for one in profiles}
    days, day = {*news}, max(by_day, default=date.min)
    while day in by_day and by_day[day].found:
        days.add(day)
        day -= timedelta(days=1)
    return sorted(hour for one in days for hour in hours_of(one))


def result(
    context: dg.AssetExecutionContext, verdicts: Mapping[date, Verdict], hours: list[datetime]
) -> dg.AssetCheckResult:
    """Return the result at the end of a run; in a run over a range, record the verdict of each day.

    Args:
        context: The step's context.
        verdicts: The verdict of each day.
        hours: The hours that an alert is about (`open_hours`).
    """
    if len(verdicts) > 1:
        for day, one in verdicts.items():
            record_one(context, context.asset_key, NO_ABUSE, key_of_day(day), one)
    red = [day for day, one in verdicts.items() if not one.passed]
    day = max(red or verdicts)
    of = f" ({len(red)} of {len(verdicts)} days are red)" if len(red) > 1 else ""
    sentence = f"{key_of_day(day)}: {verdicts[day].sentence}{of}"
    return dg.AssetCheckResult(
        check_name=NO_ABUSE, **replace(verdicts[day], sentence=sentence, hours=hours).for_dagster()
    )
