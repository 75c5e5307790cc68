"""`duo-pipeline demo --attack`: 30 days of an emulated account, an attack, and what is found of it."""

import os
import shutil
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster_aws.s3 import S3Resource
from rich.console import Console

from duo_pipeline.cli.local_instance import local_instance
from duo_pipeline.cli.usage import print_usage
from duo_pipeline.config import settings
from duo_pipeline.config.account import DEFAULT_ACCOUNT
from duo_pipeline.defs import tags
from duo_pipeline.defs.days import hours_of, key_of_day
from duo_pipeline.defs.partitions import key_of
from duo_pipeline.defs.resources import open_feed, s3_client
from duo_pipeline.defs.usage_days import UsageDays
from duo_pipeline.sandbox.knobs import Attack, Kind, Knobs
from duo_pipeline.sandbox.log import GeneratedLog
from duo_pipeline.sandbox.sandbox import Sandbox

DAYS = 30
RECORDS_PER_DAY = 300
ATTACK_HOUR = 13


def run_attack(folder: Path, kind: Kind) -> None:
    """Land 30 days, with an attack on the last one, and print what is found.

    Exits with 1 if a run fails, or if the rule of this kind finds nothing.

    Args:
        folder: Where the sandbox keeps its data. What an earlier attack has left there is deleted.
        kind: The kind of the attack.
    """
    console = Console(highlight=False, soft_wrap=True)
    shutil.rmtree(folder, ignore_errors=True)
    last = datetime.now(UTC).date() - timedelta(days=1)
    first = last - timedelta(days=DAYS - 1)
    at = hours_of(last)[ATTACK_HOUR]
    console.print(
        f"Starting an emulated Duo whose account is attacked at {at:%Y-%m-%d %H:%M} UTC ({kind}), and a real"
        " S3 server (SeaweedFS) on loopback …"
    )
    knobs = Knobs(attacks=(Attack(kind, at.isoformat()),))
    with Sandbox(folder, GeneratedLog(records_per_day=RECORDS_PER_DAY), knobs, days=DAYS + 2) as sandbox:
        os.environ.update(sandbox.environment)
        os.environ["DAGSTER_HOME"] = str(local_instance(folder / "dagster"))
        console.print(f"Landing {DAYS} days, {first} to {last}, in Dagster …")
        hours = hours_of(first)[0], hours_of(last)[-1]
        ndjson = dg.AssetKey([DEFAULT_ACCOUNT.name, "telephony_ndjson"])
        _run(console, DEFAULT_ACCOUNT.job, key_of(hours[0]), key_of(hours[1]), [ndjson])
        run_usage_job(console, first, last)
        rules = print_usage(usage_days(), DEFAULT_ACCOUNT, [last])
    console.print(f"To see it in Dagster's UI: {sys.argv[0]} ui --folder {folder}")
    if kind not in rules:
        console.print(f"[red]✗[/] The rule {kind} has not found the attack.")
        sys.exit(1)
    console.print(f"[green]✓[/] The rule {kind} has found the attack.")


def run_usage_job(console: Console, first: date, last: date) -> None:
    """Make the usage of the days from ``first`` to ``last``; exit with 1 if the run fails."""
    console.print(f"Running the job '{DEFAULT_ACCOUNT.usage_job}' for {first} to {last} in Dagster …")
    _run(console, DEFAULT_ACCOUNT.usage_job, key_of_day(first), key_of_day(last))


def usage_days() -> UsageDays:
    """Return the usage in the sandbox's bucket."""
    return UsageDays(open_feed(settings.feed(os.environ), s3_client(S3Resource())))


def _run(console: Console, job: str, first: str, last: str, assets: list[dg.AssetKey] | None = None) -> None:
    """Run a job for a range of partitions in this process; exit with 1 if it fails."""
    from duo_pipeline.definitions import defs  # it reads the settings when it is imported

    with dg.DagsterInstance.get() as instance:
        result = defs.resolve_job_def(job).execute_in_process(
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            instance=instance,
            tags={tags.RANGE_START: first, tags.RANGE_END: last},
            asset_selection=assets,
            raise_on_error=False,
        )
    if not result.success:
        for failure in result.get_step_failure_events():
            console.print(f"[red]✗[/] {failure.step_failure_data.error_display_string.splitlines()[0]}")
        sys.exit(1)
