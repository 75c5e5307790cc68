"""`duo-pipeline demo`: the whole pipeline, on one machine, in a minute."""

import json
import os
import shutil
import sys
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from duo_pipeline import instants
from duo_pipeline.cli.demo_attack import run_usage_job, usage_days
from duo_pipeline.cli.local_instance import local_instance
from duo_pipeline.cli.usage import print_usage
from duo_pipeline.config.account import DEFAULT_ACCOUNT
from duo_pipeline.config.secops import secops as secops_settings
from duo_pipeline.config.settings import feed as feed_settings
from duo_pipeline.config.settings import hours as hour_settings
from duo_pipeline.defs.partitions import HOUR, last_settled
from duo_pipeline.defs.schedules import run_request
from duo_pipeline.duo.host import api_host
from duo_pipeline.landing import keys
from duo_pipeline.landing.line import as_sent, fingerprint
from duo_pipeline.masking import mask_phone
from duo_pipeline.sandbox.s3 import mirror
from duo_pipeline.sandbox.sandbox import Sandbox
from duo_pipeline.secops.received import Received, received_by_hour

HOURS = 24
STEPS = "Duo → S3", "S3 → UDM"
"""What the steps of the job do, in their order."""


def run_demo(folder: Path) -> None:
    """Land the last 24 settled hours, and print the result.

    Exits with 1 if the run fails, or if the feed or the emulated SecOps does not have exactly what Duo shows.
    """
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        "Starting an emulated Duo, a real S3 server (SeaweedFS) and an emulated SecOps on loopback …"
    )
    with Sandbox(folder) as sandbox:
        os.environ.update(sandbox.environment)
        os.environ["DAGSTER_HOME"] = str(local_instance(folder / "dagster"))
        hours = last_settled(hour_settings(os.environ), datetime.now(UTC), HOURS)
        console.print(f"Running the job '{DEFAULT_ACCOUNT.job}' for {_span(hours)} in Dagster …")
        landed, mapped = _run(console, hours)
        settings = feed_settings(os.environ)
        bucket = folder / "bucket"
        feed, events = bucket / settings.prefix, bucket / settings.work_prefix / "udm"
        shutil.rmtree(bucket, ignore_errors=True)
        prefixes = [settings.prefix, settings.work_prefix]
        mirror(sandbox.s3.client(), settings.bucket, prefixes, bucket)
        _print_event(console, events, hours)
        console.print(_table(hours, landed, mapped))
        days = sorted({hour.date() for hour in hours})
        run_usage_job(console, days[0], days[-1])
        console.print("What telephony cost, and what looks like abuse:")
        print_usage(usage_days(), DEFAULT_ACCOUNT, days)
        console.print(f"The feed that SecOps reads:       {feed}")
        console.print(f"The events that SecOps will show: {events}")
        console.print(f"To see each hour in Dagster's UI: {sys.argv[0]} ui")
        in_duo = Counter(map(fingerprint, _shown_by_duo(sandbox, hours)))
        in_feed = Counter(fingerprint(as_sent(line)) for line in _lines(feed, hours))
        in_secops = _in_secops(hours)
    if in_duo != in_feed:
        missing, doubled = (in_duo - in_feed).total(), (in_feed - in_duo).total()
        console.print(f"[red]✗[/] The feed is not what Duo shows: {missing} missing, {doubled} too many.")
        sys.exit(1)
    console.print(f"[green]✓[/] Each of the {in_duo.total():,} records that Duo shows is in the feed, once.")
    in_siem, different = sum(hour.events for hour in in_secops), sum(hour.records for hour in in_secops)
    has = f"SecOps (emulated) has {in_siem:,} of {in_duo.total():,} events"
    if (in_siem, different) != (in_duo.total(), in_duo.total()):
        console.print(f"[red]✗[/] {has}, of {different:,} different records.")
        sys.exit(1)
    console.print(f"[green]✓[/] {has}, each once.")


def _run(console: Console, hours: Sequence[datetime]) -> list[list[Mapping[str, Any]]]:
    """Run the job, show its progress, and return the metadata of each step's hours."""
    from duo_pipeline.definitions import (
        defs,
    )  # imported late: the module reads its settings from the environment

    job = defs.resolve_job_def(DEFAULT_ACCOUNT.job)
    steps = [node.name for node in job.nodes_in_topological_order]
    request, run_id = run_request(hours[0], hours[-1]), str(uuid.uuid4())
    columns = TextColumn("  {task.description:9}"), BarColumn(), MofNCompleteColumn(), TextColumn("hours")
    with dg.DagsterInstance.get() as instance, Progress(*columns, console=console) as progress:
        tasks = {
            step: progress.add_task(name, total=len(hours)) for step, name in zip(steps, STEPS, strict=True)
        }

        def show(event: dg.EventLogEntry) -> None:
            if event.dagster_event is None and event.user_message.startswith("Page "):
                progress.console.print(f"  {event.user_message}")
            elif event.dagster_event is not None and event.dagster_event.is_step_materialization:
                progress.advance(tasks[event.step_key or ""])

        instance.add_event_listener(run_id, show)
        result = job.execute_in_process(
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            instance=instance,
            partition_key=request.partition_key,
            tags=request.tags,
            run_id=run_id,
            raise_on_error=False,
        )
    if not result.success:
        for failure in result.get_step_failure_events():
            console.print(f"[red]✗[/] {failure.step_failure_data.error_display_string.splitlines()[0]}")
        sys.exit(1)
    return [
        [
            {label: value.value for label, value in event.metadata.items()}
            for event in result.asset_materializations_for_node(step)
        ]
        for step in steps
    ]


def _table(
    hours: Sequence[datetime], landed: list[Mapping[str, Any]], mapped: list[Mapping[str, Any]]
) -> Table:
    def total(label: str, of: list[Mapping[str, Any]]) -> int:
        return sum(hour[label] for hour in of)

    def counts(label: str, of: list[Mapping[str, Any]]) -> str:
        by_type = sum((Counter[str](hour[label]) for hour in of), Counter[str]())
        return ", ".join(f"{name} {count:,}" for name, count in by_type.most_common()) or "none"

    table = Table(title=_span(hours), show_header=False, title_justify="left")
    table.add_row("hours", f"{len(landed)}")
    table.add_row("records", f"{total('records', landed):,} ({total('new_records', landed):,} new)")
    new_objects = sum(hour["new_records"] > 0 for hour in landed)
    table.add_row("objects", f"{sum(len(hour['objects']) for hour in landed)} ({new_objects} new)")
    table.add_row("requests to Duo", f"{total('requests', landed)}")
    table.add_row("credits by type", counts("credits_by_type", landed))
    table.add_row("events by UDM type", counts("events_by_type", mapped))
    table.add_row("findings", f"{total('findings', mapped)}")
    return table


def _print_event(console: Console, events: Path, hours: Sequence[datetime]) -> None:
    """Print the latest event, with its phone number masked."""
    files = (events / keys.hour_folder(hour) / "events.ndjson" for hour in reversed(hours))
    latest = next((file for file in files if file.exists()), None)
    if latest is None:
        return
    event = json.loads(latest.read_bytes().splitlines()[-1])
    user = event.get("principal", {}).get("user", {})
    user.update({"phoneNumbers": [mask_phone(one) for one in user.get("phoneNumbers", [])]})
    user.update({"userid": mask_phone(user.get("userid", ""))})
    console.print("The latest event, as SecOps will show it (phone number masked here):")
    console.print_json(data=event)


def _lines(feed: Path, hours: Sequence[datetime]) -> list[dict[str, Any]]:
    """Return the lines of the hours' log objects."""
    files = (file for hour in hours for file in sorted((feed / keys.hour_folder(hour)).glob("*")))
    return [json.loads(line) for file in files for line in file.open("rb")]


def _shown_by_duo(sandbox: Sandbox, hours: Sequence[datetime]) -> list[dict[str, Any]]:
    span = f"mintime={instants.unix_ms(hours[0])}&maxtime={instants.unix_ms(hours[-1] + HOUR)}"
    with urlopen(f"{sandbox.duo_url}/sandbox/records?{span}") as response:  # noqa: S310 - our own, on loopback
        return [json.loads(line) for line in response]


def _in_secops(hours: Sequence[datetime]) -> list[Received]:
    """Return what SecOps has of the hours."""
    secops = secops_settings(os.environ).open()
    host = api_host(os.environ["DUO_API_HOST"]).name
    return list(received_by_hour(secops, hours[0], hours[-1] + HOUR, host).values())


def _span(hours: Sequence[datetime]) -> str:
    return f"{hours[0]:%Y-%m-%d %H:%M} to {hours[-1] + HOUR:%Y-%m-%d %H:%M} UTC"
