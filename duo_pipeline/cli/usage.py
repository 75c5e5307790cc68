"""`duo-pipeline usage`: what some days cost, and what looks like abuse."""

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import click
from dagster_aws.s3 import S3Resource
from rich.console import Console
from rich.table import Table
from rich.text import Text

from duo_pipeline.cli.chosen_account import chosen_account
from duo_pipeline.config import settings
from duo_pipeline.config.account import Account
from duo_pipeline.defs.resources import open_feed, s3_client
from duo_pipeline.defs.usage_days import StoredDay, UsageDays
from duo_pipeline.masking import shown
from duo_pipeline.usage.chart import DAYS, chart
from duo_pipeline.usage.credits import credits_left
from duo_pipeline.usage.finding import plain
from duo_pipeline.usage.profile import Profile
from duo_pipeline.usage.rules import RULES

DEFAULT_DAYS = 7
_TOP = 10


def _today() -> date:
    return datetime.now(UTC).date()


def run_usage(
    account: str | None,
    days: int | None,
    first: date | None,
    last: date | None,
    *,
    as_json: bool,
    today: Callable[[], date] = _today,
) -> None:
    """Print the usage of some days that is in S3.

    Args:
        account: The name of the account; needed if there are several.
        days: How many days up to today; 7 if nothing is given.
        first: The first day, with ``last`` in place of ``days``.
        last: The last day.
        as_json: Whether to print JSON.
        today: Today, in UTC.

    Raises:
        click.ClickException: The account or the days are not clear.
        SettingsError: A setting is missing or wrong.
        BucketError: S3 refused a request or could not be reached.
    """
    chosen = chosen_account(account)
    wanted = _days(days, first, last, today())
    stored = UsageDays(open_feed(settings.feed(os.environ, chosen), s3_client(S3Resource())))
    print_usage(stored, chosen, wanted, as_json=as_json)


def print_usage(
    stored: UsageDays, account: Account, wanted: Sequence[date], *, as_json: bool = False
) -> set[str]:
    """Print the usage of some days, and return the rules that found something.

    Args:
        stored: The usage in S3.
        account: The account whose usage it is.
        wanted: The days, in order.
        as_json: Whether to print JSON.

    Raises:
        BucketError: S3 cannot be read.
    """
    found = stored.stored(wanted)
    month = stored.profiles([wanted[-1] - timedelta(days=back) for back in reversed(range(DAYS))])
    report = _report(account, wanted, found, _left([*month.values()], stored.credits()))
    if as_json:
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _print(report)
        if month:
            click.echo(chart(wanted[-1], {day: one.known_credits for day, one in month.items()}))
    return {finding["rule"] for finding in report["findings"]}


def _days(days: int | None, first: date | None, last: date | None, today: date) -> list[date]:
    if (first is None) is not (last is None) or (first and days):
        raise click.UsageError("Give --days, or both --from and --to.")
    if first is None or last is None:
        first, last = today - timedelta(days=(days or DEFAULT_DAYS) - 1), today
    if first > last:
        raise click.UsageError("--from must not be after --to.")
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _report(
    account: Account,
    wanted: Sequence[date],
    found: Mapping[date, StoredDay],
    left: Mapping[str, Any],
) -> dict[str, Any]:
    """Return everything that the command says, as a JSON object without a phone number."""
    rows = [row for day in found.values() for row in day.rows]
    return {
        "account": account.name,
        "from": wanted[0].isoformat(),
        "to": wanted[-1].isoformat(),
        "records": sum(row["calls"] for row in rows),
        "credits": plain(sum(row["credits"] for row in rows)),
        "by_country": _by(rows, "country"),
        "by_type": _by(rows, "type"),
        "by_context": _by(rows, "context"),
        "findings": [
            {"day": day.isoformat(), **finding} for day, one in found.items() for finding in one.findings
        ],
        "days_without_usage": [day.isoformat() for day in wanted if day not in found],
        "missing_hours": {
            day.isoformat(): one.summary["missing_hours"]
            for day, one in found.items()
            if one.summary.get("missing_hours")
        },
        "rules_off": _off(found),
        "unreadable_numbers": sum(one.summary.get("unreadable_numbers", 0) for one in found.values()),
        "credits_left": left,
    }


def _by(rows: Sequence[Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    calls, spent = Counter[str](), Counter[str]()
    for row in rows:
        calls[shown(str(row[name]))] += row["calls"]
        spent[shown(str(row[name]))] += row["credits"]
    order = sorted(calls, key=lambda value: (-spent[value], -calls[value], value))
    return [{name: value, "records": calls[value], "credits": plain(spent[value])} for value in order]


def _off(found: Mapping[date, StoredDay]) -> dict[str, str]:
    """Return the rules that were off on the last of the days, each with the reason."""
    return dict(found[max(found)].summary.get("off", {})) if found else {}


def _left(month: Sequence[Profile], said: Mapping[str, Any] | None) -> dict[str, Any]:
    if said is None:
        return {"unknown": "Duo has not been asked yet: it is asked when the usage of the newest day is made"}
    if "remaining" not in said:
        return {"asked": said["asked"], "unknown": said["unknown"]}
    left = credits_left(said["remaining"], date.fromisoformat(said["asked"]), month[::-1])
    until = left.until and left.until.isoformat()
    return {
        "asked": said["asked"],
        "remaining": left.remaining,
        "a_day": round(left.a_day, 1),
        "until": until,
    }


def _print(report: Mapping[str, Any]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{report['account']}, {report['from']} to {report['to']} (UTC):"
        f" {report['records']:,} records, {report['credits']:,} credits"
    )
    for name in ("country", "type", "context"):
        table = Table(name, "records", "credits")
        for row in report[f"by_{name}"][:_TOP]:
            table.add_row(Text(row[name]), f"{row['records']:,}", f"{row['credits']:,}")
        if report[f"by_{name}"]:
            console.print(table)
    for finding in report["findings"]:
        rule = finding["rule"]
        console.print(Text.assemble((f"✗ {finding['day']} {rule}: ", "red"), finding["sentence"]))
        console.print(Text(f"  {RULES[rule].advice if rule in RULES else finding['advice']}"))
    if not report["findings"]:
        console.print("Nothing looks like abuse.")
    for rule, why in report["rules_off"].items():
        console.print(Text(f"The rule {rule} {why}"))
    for day, hours in report["missing_hours"].items():
        console.print(f"{day}: {len(hours)} hours are missing.")
    if report["days_without_usage"]:
        days = report["days_without_usage"]
        console.print(
            f"{len(days)} of the days have no usage yet, the first is {days[0]}: materialize"
            f" {report['account']}/telephony_usage for them."
        )
    left = report["credits_left"]
    if "remaining" in left:
        until = left["until"] or "unknown, because none is spent"
        console.print(f"Credits left on {left['asked']}: {left['remaining']:,}, until {until}.")
    else:
        console.print(Text(f"Credits left: not known: {left['unknown']}"))
