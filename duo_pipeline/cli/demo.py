"""`duo-pipeline demo`: the whole pipeline, on one machine, in a minute."""

import json
import os
import shutil
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from duo_pipeline import instants
from duo_pipeline.cli.local_instance import local_instance
from duo_pipeline.config.settings import FeedSettings
from duo_pipeline.config.settings import feed as feed_settings
from duo_pipeline.config.settings import hours as hour_settings
from duo_pipeline.defs.partitions import HOUR, last_settled
from duo_pipeline.defs.schedules import run_request
from duo_pipeline.landing import keys
from duo_pipeline.landing.line import as_sent, fingerprint
from duo_pipeline.masking import mask_phone
from duo_pipeline.sandbox.s3 import mirror
from duo_pipeline.sandbox.sandbox import Sandbox

HOURS = 24
POLL_SECONDS = 0.2
STEPS = {"duo__telephony_ndjson": "Duo → S3", "duo__telephony_udm": "S3 → UDM"}


@dataclass(frozen=True, slots=True)
class _Bucket:
    """The bucket, copied to files."""

    folder: Path
    settings: FeedSettings

    @property
    def feed(self) -> Path:
        return self.folder / self.settings.prefix

    @property
    def events(self) -> Path:
        return self.folder / self.settings.work_prefix / "udm"

    def lines(self, hours: Sequence[datetime]) -> list[dict[str, Any]]:
        """Return the lines of the hours' log objects."""
        files = (file for hour in hours for file in (self.feed / keys.hour_folder(hour)).glob("*"))
        return [json.loads(line) for file in sorted(files) for line in file.open("rb")]


def run_demo(folder: Path) -> None:
    """Land the last 24 settled hours, and print the result.

    Exits with 1 if the run fails, or if the feed does not have exactly the records that Duo shows.
    """
    console = Console(highlight=False, soft_wrap=True)
    console.print("Starting an emulated Duo Admin API and a real S3 server (SeaweedFS) on loopback …")
    with Sandbox(folder) as sandbox:
        os.environ.update(sandbox.environment)
        os.environ["DAGSTER_HOME"] = str(local_instance(folder / "dagster"))
        hours = last_settled(hour_settings(os.environ), datetime.now(UTC), HOURS)
        console.print(f"Running the job 'telephony' for {_span(hours)} in Dagster …")
        metadata = _run(console, hours)
        bucket = _Bucket(folder / "bucket", feed_settings(os.environ))
        shutil.rmtree(bucket.folder, ignore_errors=True)
        prefixes = [bucket.settings.prefix, bucket.settings.work_prefix]
        mirror(sandbox.s3.client(), bucket.settings.bucket, prefixes, bucket.folder)
        _print_event(console, bucket, hours)
        console.print(_table(hours, metadata))
        console.print(f"The feed that SecOps reads:        {bucket.feed}")
        console.print(f"The events that SecOps will show: {bucket.events}")
        console.print(f"To see each hour in Dagster's UI: {sys.argv[0]} ui")
        shown = Counter(map(fingerprint, _shown_by_duo(sandbox, hours)))
        landed = Counter(fingerprint(as_sent(line)) for line in bucket.lines(hours))
    if shown != landed:
        missing, doubled = (shown - landed).total(), (landed - shown).total()
        console.print(f"[red]✗[/] The feed is not what Duo shows: {missing} missing, {doubled} too many.")
        sys.exit(1)
    console.print(f"[green]✓[/] Each of the {shown.total():,} records that Duo shows is in the feed, once.")


def _run(console: Console, hours: Sequence[datetime]) -> dict[str, list[Mapping[str, Any]]]:
    """Run the job, and return the metadata of each step's hours."""
    from duo_pipeline.definitions import (
        defs,
    )  # imported late: the module reads its settings from the environment

    request = run_request(hours[0], hours[-1])
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with dg.DagsterInstance.get() as instance:
        stop = threading.Event()
        watching = threading.Thread(target=_show_progress, args=(console, instance, len(hours), stop))
        watching.start()
        try:
            result = defs.resolve_job_def("telephony").execute_in_process(
                run_config=quiet,
                instance=instance,
                partition_key=request.partition_key,
                tags=request.tags,
                raise_on_error=False,
            )
        finally:
            stop.set()
            watching.join()
    if not result.success:
        for failure in result.get_step_failure_events():
            console.print(f"[red]✗[/] {failure.step_failure_data.error_display_string.splitlines()[0]}")
        sys.exit(1)
    return {
        step: [
            {label: value.value for label, value in event.metadata.items()}
            for event in result.asset_materializations_for_node(step)
        ]
        for step in STEPS
    }


def _show_progress(console: Console, instance: dg.DagsterInstance, hours: int, stop: threading.Event) -> None:
    columns = TextColumn("  {task.description:9}"), BarColumn(), MofNCompleteColumn(), TextColumn("hours")
    with Progress(*columns, console=console) as progress:
        tasks = {step: progress.add_task(name, total=hours) for step, name in STEPS.items()}
        run_id, cursor, stopping = None, None, False
        while not stopping:
            stopping = stop.wait(POLL_SECONDS)
            if run_id is None:
                runs = instance.get_runs(limit=1)
                run_id = runs[0].run_id if runs and (stopping or not runs[0].is_finished) else None
                continue
            page = instance.get_records_for_run(run_id, cursor)
            cursor = page.cursor
            for event in (record.event_log_entry for record in page.records):
                if event.dagster_event is None and event.user_message.startswith("Page "):
                    progress.console.print(f"  {event.user_message}")
                elif event.dagster_event is not None and event.dagster_event.is_step_materialization:
                    progress.advance(tasks[event.step_key or ""])


def _table(hours: Sequence[datetime], metadata: Mapping[str, list[Mapping[str, Any]]]) -> Table:
    landed, mapped = (metadata[step] for step in STEPS)
    credits_by_type: Counter[str] = Counter()
    events_by_type: Counter[str] = Counter()
    for hour in landed:
        credits_by_type.update(hour["credits_by_type"])
    for hour in mapped:
        events_by_type.update(hour["events_by_type"])

    def total(label: str, of: list[Mapping[str, Any]]) -> int:
        return sum(hour[label] for hour in of)

    table = Table(title=_span(hours), show_header=False, title_justify="left")
    table.add_row("hours", f"{len(landed)}")
    table.add_row("records", f"{total('records', landed):,} ({total('new_records', landed):,} new)")
    new_objects = sum(hour["new_records"] > 0 for hour in landed)
    table.add_row("objects", f"{sum(len(hour['objects']) for hour in landed)} ({new_objects} new)")
    table.add_row("requests to Duo", f"{total('requests', landed)}")
    table.add_row("credits by type", _counts(credits_by_type))
    table.add_row("events by UDM type", _counts(events_by_type))
    table.add_row("findings", f"{total('findings', mapped)}")
    return table


def _print_event(console: Console, bucket: _Bucket, hours: Sequence[datetime]) -> None:
    """Print the latest event, with its phone number masked."""
    files = (bucket.events / keys.hour_folder(hour) / "events.ndjson" for hour in reversed(hours))
    latest = next((file for file in files if file.exists()), None)
    if latest is None:
        return
    event = json.loads(latest.read_bytes().splitlines()[-1])
    user = event.get("principal", {}).get("user", {})
    user.update({"phoneNumbers": [mask_phone(one) for one in user.get("phoneNumbers", [])]})
    user.update({"userid": mask_phone(user.get("userid", ""))})
    console.print("The latest event, as SecOps will show it (phone number masked here):")
    console.print_json(data=event)


def _shown_by_duo(sandbox: Sandbox, hours: Sequence[datetime]) -> list[dict[str, Any]]:
    span = f"mintime={instants.unix_ms(hours[0])}&maxtime={instants.unix_ms(hours[-1] + HOUR)}"
    with urlopen(f"{sandbox.duo_url}/sandbox/records?{span}") as response:  # noqa: S310 - our own, on loopback
        return [json.loads(line) for line in response]


def _span(hours: Sequence[datetime]) -> str:
    return f"{hours[0]:%Y-%m-%d %H:%M} to {hours[-1] + HOUR:%Y-%m-%d %H:%M} UTC"


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counter.most_common()) or "none"
