"""Measure everything, side by side, and print one table."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from benchmarks import (
    celery_workers,
    imports,
    mapping_speed,
    memory,
    one_hour,
    range_wall_time,
    requests_per_range,
)
from benchmarks.records import HOUR, Records
from benchmarks.rows import WIDTH, Row, table, verdict
from benchmarks.world import Worlds, worlds


def main() -> None:
    console = Console(highlight=False, width=max(WIDTH, Console().width))
    console.print("The benchmarks take about eleven minutes, with an emulated Duo and SeaweedFS on loopback.")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, worlds(Path(folder)) as around:
        rows = list(measure(console, around))
    console.print(table("make bench", rows))
    console.print(verdict(rows))


def measure(console: Console, around: Worlds) -> Iterator[Row]:
    """Measure, and yield row by row."""

    def say(line: str) -> None:
        console.print(line, soft_wrap=True)

    say("Requests …")
    yield from requests_per_range.rows(around)
    start = around.end - HOUR * range_wall_time.HOURS
    with around.having(Records(100_000, start, around.end)) as month:
        say("30 days in one run …")
        yield from range_wall_time.rows(month, say)
        say("One hour …")
        yield from one_hour.rows(month, say)
    say("Imports …")
    yield imports.row()
    say("Mapping …")
    yield from mapping_speed.rows(around, say)
    say("Memory …")
    yield memory.row(around, say)
    say("Eight accounts on Celery's workers …")
    yield from celery_workers.rows(around.folder, say)


if __name__ == "__main__":
    main()
