"""Runs the benchmarks and prints one table."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.rows import Row, at_most, requests_row
from benchmarks.world import HOUR, IKEY, SKEY, Records, World, environment, settled_end, world
from duo_pipeline.duo.admin_api import AdminApi
from duo_pipeline.duo.host import api_host
from duo_pipeline.duo.telephony_log import TelephonyLog
from duo_pipeline.partitions import key_of
from duo_pipeline.sandbox.s3 import S3Server

REPEATS = 3
HOUR_REPEATS = 5
SAMPLE_HOURS = 6
DAYS_30 = timedelta(days=30)
DAGSTER = (sys.executable, "-m", "dagster", "asset", "materialize")
BOTH = "duo/telephony_ndjson,duo/telephony_udm"


def main() -> None:
    console = Console(width=130)
    with tempfile.TemporaryDirectory() as folder:
        s3 = S3Server(
            Path(folder) / "s3", access_key="BENCHACCESSKEY000000", secret_key="bench-secret-key-0000"
        )
        table = Table(
            "what", "measured", "against", "ratio", "target", "met", title="duo_pipeline, by make bench"
        )
        with s3:
            for row in measure(console, s3, Path(folder)):
                met = "" if row.met is None else "yes" if row.met else "NO"
                table.add_row(row.what, row.measured, row.baseline, f"{row.ratio:,.2f}", row.target, met)
        console.print(table)


def measure(console: Console, s3: S3Server, folder: Path) -> Iterator[Row]:
    with world(Records(per_day=100_000 / 30), s3, folder) as month:
        yield from thirty_days(console, month)
    with world(Records(per_day=20_000 / 179), s3, folder) as sparse:
        yield requests_of(sparse, "179 sparse days", settled_end() - timedelta(days=179), settled_end())
    busy = settled_end() - 5 * HOUR
    for count in (9_500, 5_000):
        with world(Records(hour=busy, count=count), s3, folder) as one:
            yield requests_of(one, f"an hour of {count:,}", busy, busy + HOUR)
    yield from one_hour(console, s3, folder)
    yield imports(console)
    yield memory(console, s3, folder)


def thirty_days(console: Console, month: World) -> Iterator[Row]:
    last = settled_end() - HOUR
    first = last - DAYS_30 + HOUR
    records = requests_of(month, "warming up", first, last + HOUR)
    console.print(f"30 days: {records.baseline}")
    ours, sums, parts = [], [], []
    requests = 0
    for number in range(REPEATS):
        settings = month.fresh()
        before = month.requests()
        pipeline = range_run("pipeline", settings, first, last)
        requests = month.requests() - before
        trivial = range_run("trivial", month.fresh(), first, last)
        bare = range_run("bare", {**month.fresh(), "BARE_FROM": settings["S3_BUCKET"]}, first, last)
        ours.append(pipeline["all"])
        sums.append(bare["all"] + trivial["all"])
        parts.append(ours[-1] / sums[-1])
        console.print(
            f"  {number + 1}: pipeline {rounded(pipeline)}, trivial {rounded(trivial)}, bare {rounded(bare)}"
        )
    yield requests_row("30 days (the range run)", requests, count_of(month, first, last + HOUR))
    yield at_most("30 days, against a bare loop and two trivial assets", median(ours), median(sums), 1.25)
    hours = [last - HOUR * number for number in range(SAMPLE_HOURS)]
    settings = month.fresh()
    each = [
        seconds_of(
            *DAGSTER,
            "-m",
            "duo_pipeline.definitions",
            "--select",
            BOTH,
            "--partition",
            key_of(hour),
            settings=settings,
        )
        for hour in hours
    ]
    scaled = median(each) * (DAYS_30 / HOUR)
    whole = seconds_of(
        *DAGSTER,
        "-m",
        "duo_pipeline.definitions",
        "--select",
        BOTH,
        "--partition-range",
        f"{key_of(first)}...{key_of(last)}",
        settings=month.fresh(),
    )
    ratio = scaled / whole
    yield Row(
        f"one run an hour (a sample of {SAMPLE_HOURS}, scaled to 720), against one range run",
        f"{scaled:,.0f} s",
        f"{whole:,.1f} s",
        ratio,
        "at least 50",
        ratio >= 50,
    )


def one_hour(console: Console, s3: S3Server, folder: Path) -> Iterator[Row]:
    hour = settled_end() - 5 * HOUR
    with world(Records(hour=hour, count=140), s3, folder) as quiet:
        settings = quiet.fresh()
        ours, trivial = [], []
        for number in range(HOUR_REPEATS):
            key = key_of(hour - HOUR * number)
            ours.append(
                seconds_of(
                    *DAGSTER,
                    "-m",
                    "duo_pipeline.definitions",
                    "--select",
                    BOTH,
                    "--partition",
                    key,
                    settings=settings,
                )
            )
            trivial.append(
                seconds_of(
                    *DAGSTER,
                    "-m",
                    "benchmarks.trivial_assets",
                    "--select",
                    "one,two",
                    "--partition",
                    key,
                    settings=settings,
                )
            )
        console.print(f"one hour: ours {ours}, trivial {trivial}")
    yield at_most("one hour, against two trivial assets", median(ours), median(trivial), 1.25)


def imports(console: Console) -> Row:
    ours, dagster = [], []
    for _ in range(HOUR_REPEATS):
        ours.append(seconds_of(sys.executable, "-c", "import duo_pipeline.definitions", settings={}))
        dagster.append(seconds_of(sys.executable, "-c", "import dagster", settings={}))
    console.print(f"imports: definitions {ours}, dagster {dagster}")
    ratio = median(ours) / median(dagster)
    return Row(
        "import of the definitions, against import dagster",
        f"{median(ours):.2f} s",
        f"{median(dagster):.2f} s",
        ratio,
    )


def memory(console: Console, s3: S3Server, folder: Path) -> Row:
    hour = settled_end() - 5 * HOUR
    peaks = {}
    for count in (1_000, 100_000):
        with world(Records(hour=hour, count=count), s3, folder) as one:
            script = (
                "import resource, subprocess, sys;"
                " code = subprocess.call(sys.argv[1:], stderr=subprocess.DEVNULL);"
                " print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024); sys.exit(code)"
            )
            done = subprocess.run(
                [
                    sys.executable,
                    "-c",
                    script,
                    *DAGSTER,
                    "-m",
                    "duo_pipeline.definitions",
                    "--select",
                    BOTH,
                    "--partition",
                    key_of(hour),
                ],
                env=environment(one.fresh()),
                capture_output=True,
                text=True,
                check=True,
                timeout=600,
            )
            peaks[count] = float(done.stdout.split()[-1])
    console.print(f"memory: {peaks}")
    return at_most(
        "peak memory of an hour of 100,000 records, against 1,000", peaks[100_000], peaks[1_000], 1.3, "MiB"
    )


def requests_of(one: World, what: str, start: datetime, end: datetime) -> Row:
    before = one.requests()
    count = count_of(one, start, end)
    return requests_row(what, one.requests() - before, count)


def count_of(one: World, start: datetime, end: datetime) -> int:
    log = TelephonyLog(AdminApi(api_host(one.duo_url), ikey=IKEY, skey=SKEY), start, end)
    for _, entries in log.hours():
        for _ in entries:
            pass
    return log.received


def range_run(what: str, settings: dict[str, str], first: datetime, last: datetime) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.range_run", what, key_of(first), key_of(last)],
        env=environment(settings),
        capture_output=True,
        text=True,
        check=True,
        timeout=900,
    )
    seconds: dict[str, float] = json.loads(done.stdout)
    return seconds


def seconds_of(*command: str, settings: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=environment(settings), capture_output=True, check=True, timeout=900)
    return time.perf_counter() - began


def rounded(seconds: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in seconds.items()}


if __name__ == "__main__":
    main()
