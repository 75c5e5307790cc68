"""`duo-pipeline adopt`: takes a feed over from the Lambda function of Google's guide."""

import os
from datetime import UTC, datetime

from dagster_aws.s3 import S3Resource
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress
from rich.table import Table

from duo_pipeline import instants
from duo_pipeline.adoption import lambda_objects
from duo_pipeline.adoption.copies import Adopted, adopt
from duo_pipeline.cli.chosen_account import chosen_account
from duo_pipeline.config import settings
from duo_pipeline.config.account import Account
from duo_pipeline.defs.partitions import hours_between, span, why_not_readable
from duo_pipeline.defs.resources import open_feed, s3_client
from duo_pipeline.landing.feed import Feed
from duo_pipeline.landing.ownership import claim
from duo_pipeline.masking import shown_key, shown_name
from duo_pipeline.preflight.lines import first_names


def run_adopt(account: str | None) -> None:
    """Adopt the records that the Lambda has left, and print what they were and what to do next.

    The settings come from the environment and from ``.env`` in the current folder, as they do in Dagster.

    Args:
        account: The name of the account whose feed it is; needed if there are several accounts.

    Raises:
        SettingsError: A setting is missing or wrong.
        BucketError: S3 refused a request or could not be reached.
        SpillError: There is no room for temporary files.
    """
    chosen = chosen_account(account)
    console = Console(highlight=False, soft_wrap=True)
    where = settings.feed(os.environ, chosen)
    feed = open_feed(where, s3_client(S3Resource()))
    claim(
        feed,
        base_work_prefix=where.base_work_prefix,
        duo_account=settings.duo_account(os.environ, chosen),
    )
    hours = settings.hours(os.environ, chosen)
    keys = feed.bucket.keys(feed.prefix)
    adopted = _adopt(console, feed, lambda_objects.objects(keys))
    _print_not_read(console, feed, lambda_objects.with_unknown_ending(keys))
    for checkpoint in lambda_objects.checkpoints(keys):
        _print_checkpoint(console, feed, checkpoint)
    _print_what_next(console, chosen, adopted, hours)


def _adopt(console: Console, feed: Feed, objects: list[str]) -> list[datetime]:
    """Adopt the objects, print what was in them, and return the hours of their records."""
    where = feed.bucket.uri(feed.prefix)
    total, hours, copies = Adopted(where), set[datetime](), 0
    if not objects:
        console.print(
            f"There is no object of a Lambda (telephony_*.json, .json.gz) below {where}: check S3_PREFIX."
        )
        return []
    console.print(f"Reading the objects of the Lambda below {where} …")
    with Progress(BarColumn(), MofNCompleteColumn(), console=console, transient=True) as progress:
        for one in progress.track(adopt(feed, objects), total=len(objects)):
            total.records += one.records
            total.doubled += one.doubled
            total.unreadable += one.unreadable
            total.new_copies += one.new_copies
            copies += len(one.hours)
            hours.update(one.hours)
            for place, reason in one.unreadable_at:
                progress.console.print(f"[red]✗[/] {escape(place)} is skipped: {reason}.")
    table = Table(show_header=False)
    table.add_row("objects of the Lambda", f"{len(objects):,}")
    table.add_row("records, counted once per object", f"{total.records:,}")
    table.add_row("duplicates within one object", f"{total.doubled:,}")
    table.add_row("unreadable", f"{total.unreadable:,}")
    table.add_row("hours with records", f"{len(hours):,}{f', {span(hours)}' if hours else ''}")
    table.add_row("copies below S3_WORK_PREFIX", f"{copies:,} ({total.new_copies:,} new)")
    console.print(table)
    return sorted(hours)


def _print_not_read(console: Console, feed: Feed, keys: list[str]) -> None:
    if not keys:
        return
    names = first_names([shown_name(key.removeprefix(feed.prefix)) for key in keys])
    console.print(
        f"[yellow]![/] {escape(names)}: named like the Lambda's, but neither JSON nor packed with gzip (.gz)."
        " SecOps does not read records in them, so these do not count as delivered. If it got them in another"
        " way, put them there unpacked, and run this again."
    )


def _print_checkpoint(console: Console, feed: Feed, checkpoint: str) -> None:
    ms = lambda_objects.checkpoint_ms(feed.bucket, checkpoint)
    at = f", and its time is {instants.iso(ms * 1_000_000)}" if ms else ""
    name = escape(feed.bucket.uri(shown_key(checkpoint)))
    console.print(
        f"[yellow]![/] {name} is the Lambda's checkpoint{at}. The pipeline"
        " does not need it, and SecOps ingests each version of it as an event. Delete it when the Lambda is"
        " switched off."
    )


def _print_what_next(
    console: Console, account: Account, adopted: list[datetime], hours: settings.HourSettings
) -> None:
    if not adopted:
        return
    now = datetime.now(UTC)
    within = hours_between(max(adopted[0], hours.start), min(adopted[-1], now))
    readable = [hour for hour in within if not why_not_readable(hour, now, hours.settle_minutes)]
    console.print("[green]✓[/] From now on, the records of these hours count as delivered.")
    if readable:
        assets = f"{account.name}/telephony_ndjson,{account.name}/telephony_udm"
        console.print(
            "To deliver the records that the Lambda has lost, materialize these hours:\n\n"
            "    dagster asset materialize -m duo_pipeline.definitions"
            f' --select "{assets}" --partition-range {span(readable)}\n'
        )
