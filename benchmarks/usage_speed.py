"""What the usage of busy days costs: a day of 100,000 records, and 30 days as one run beside a bare loop.

`python -m benchmarks.usage_speed [RECORDS_A_DAY] [DAYS]` prints both. `make bench` leaves it out: it writes a
gigabyte to the S3 server. CPU seconds are printed as well, because other processes do not change them.
"""

import io
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pandas as pd
from rich.console import Console

from benchmarks.usage_findings import lines
from duo_pipeline.config.account import DEFAULT_ACCOUNT
from duo_pipeline.config.settings import UsageSettings
from duo_pipeline.defs import tags
from duo_pipeline.defs.assets.telephony_usage import telephony_usage
from duo_pipeline.defs.days import daily, hours_of, key_of_day
from duo_pipeline.defs.partitions import hourly, key_of
from duo_pipeline.defs.resources import resources_of
from duo_pipeline.defs.usage_days import UsageDays
from duo_pipeline.landing import keys
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.landing.feed import Feed
from duo_pipeline.sandbox.sandbox import Sandbox
from duo_pipeline.sandbox.traffic import Traffic
from duo_pipeline.usage.day import usage_of

FIRST = date(2026, 10, 5)
PREFIX, WORK_PREFIX = "duo-telephony/", "duo-telephony-work/"


def main(records: int = 100_000, days: int = 30) -> None:
    """Print the costs."""
    console = Console(highlight=False, width=120)
    with tempfile.TemporaryDirectory() as folder, Sandbox(Path(folder)) as sandbox:
        os.environ.update(sandbox.environment)
        bucket = Bucket(sandbox.s3.client(), sandbox.bucket)
        wanted = [FIRST + timedelta(days=number) for number in range(days)]
        total = _write(bucket, records, wanted)
        console.print(f"{total:,} records in {days} days are in S3.")
        stored = UsageDays(Feed(bucket, PREFIX, WORK_PREFIX, "secops"))
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins again
        wall, cpu = _timed(lambda: stored.write(usage_of(FIRST, range(24), stored.lines(FIRST))))
        peak = _peak_mebibytes()
        console.print(
            f"A day of {total // days:,} records: {wall:.2f} s ({cpu:.2f} s of CPU), peak {peak:.0f} MiB"
        )
        bare = _timed(lambda: [_bare(bucket, day) for day in wanted])
        console.print(f"A bare pandas loop over {days} days: {bare[0]:.1f} s ({bare[1]:.1f} s of CPU)")
        with dg.DagsterInstance.local_temp() as instance:
            asset = _asset(instance, wanted)
            run = _timed(lambda: _run(instance, asset, wanted))
        console.print(f"One run over them: {run[0]:.1f} s ({run[1]:.1f} s of CPU)")
        console.print(f"Ratio: {run[0] / bare[0]:.2f} ({run[1] / bare[1]:.2f} of CPU)")


def _write(bucket: Bucket, records: int, days: list[date]) -> int:
    """Write the same busy Monday on each of the days, and return how many records that is."""
    traffic, rng, total = Traffic("speed", records / 1.27), random.Random("speed"), 0
    for number, hour in enumerate(hours_of(FIRST)):
        placed = [(hour + timedelta(seconds=call.second), call) for call in traffic.hour(hour)]
        text = b"".join(lines(placed, rng))
        for day in days:
            of_day = text.replace(FIRST.isoformat().encode(), day.isoformat().encode())
            with Body() as body:
                body.write(of_day)
                bucket.put(keys.log_key(PREFIX, hours_of(day)[number], body.sha256), body)
            total += len(placed)
    return total


def _bare(bucket: Bucket, day: date) -> pd.DataFrame:
    """Read a day as a short script would: its objects, a table, and the sums."""
    tables = []
    for key in bucket.keys(PREFIX + keys.day_folder(day)):
        text = b"\n".join(bucket.lines(key))
        tables.append(pd.read_json(io.BytesIO(text), lines=True, dtype={"phone": str, "credits": float}))
    table = pd.concat(tables)
    table["hour"] = pd.to_datetime(table["ts"], format="ISO8601").dt.floor("h")
    return table.groupby(["hour", "type", "context"]).agg({"credits": ["size", "sum"], "phone": "nunique"})


def _asset(instance: dg.DagsterInstance, days: list[date]) -> dg.AssetsDefinition:
    """Return the asset, for whose hours Dagster knows that they have landed."""
    start = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
    key = dg.AssetKey(["duo", "telephony_ndjson"])

    @dg.asset(key=key, partitions_def=hourly(start), backfill_policy=dg.BackfillPolicy.single_run())
    def ndjson() -> None: ...

    for day in days:
        for hour in hours_of(day):
            event = dg.AssetMaterialization(key, partition=key_of(hour))
            instance.report_runless_asset_event(event)
    return telephony_usage(DEFAULT_ACCOUNT, ndjson, daily(start), UsageSettings(), lambda: datetime.now(UTC))


def _run(instance: dg.DagsterInstance, usage: dg.AssetsDefinition, days: list[date]) -> None:
    result = dg.materialize(
        [usage],
        resources=resources_of(DEFAULT_ACCOUNT),
        instance=instance,
        tags={tags.RANGE_START: key_of_day(days[0]), tags.RANGE_END: key_of_day(days[-1])},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    assert result.success


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def _peak_mebibytes() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
