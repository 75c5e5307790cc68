"""How long 30 days take, compared with only reading, only writing, and only Dagster."""

import time
from collections.abc import Callable, Iterator, Mapping

from benchmarks import child
from benchmarks.records import HOUR
from benchmarks.requests_per_range import read
from benchmarks.rows import Row, at_most, compared, requests_row
from benchmarks.world import World
from duo_pipeline.defs.partitions import key_of

HOURS = 720
REPEATS = 3


def rows(month: World, say: Callable[[str], None]) -> Iterator[Row]:
    """Run the range, the bare loop and two trivial assets in turn, each with a new bucket and instance."""
    first, last = month.end - HOUR * HOURS, month.end - HOUR
    span = (key_of(first), key_of(last))
    records = read(month, first, month.end)  # the emulator has made its records now
    began = time.perf_counter()
    read(month, first, month.end)
    say(f"  only reading {records:,} records: {time.perf_counter() - began:.1f} s")
    pairs, requests = [], []

    def pipeline() -> tuple[float, str]:
        settings, before = month.fresh(), month.requests()
        command = ("-m", "benchmarks.range_run", "duo_pipeline.definitions", "telephony", *span)
        figures = child.figures(command, settings)
        requests.append(month.requests() - before)
        if figures["records"] != records:
            raise RuntimeError(f"{figures['records']:,} of {records:,} records have landed")
        say(_line("the job 'telephony'", figures))
        return figures["seconds"], settings["S3_BUCKET"]

    def trivial() -> float:
        command = ("-m", "benchmarks.range_run", "benchmarks.trivial_assets", "trivial", *span)
        figures = child.figures(command, month.fresh())
        say(_line("two trivial assets", figures))
        return float(figures["seconds"])

    for number in range(REPEATS):
        trivial_first = trivial() if number % 2 else 0.0  # they take turns to go first
        ours, bucket = pipeline()
        bare = child.figures(("-m", "benchmarks.bare_loop", *span, bucket), month.fresh())
        say(_line("the bare loop", bare))
        pairs.append((ours, bare["seconds"] + (trivial_first or trivial())))
    yield requests_row("30 days (the range run)", max(requests), records)
    yield compared("30 days: the range run, by bare loop + two trivial assets", pairs, at_most(1.25))


def _line(what: str, figures: Mapping[str, float]) -> str:
    parts = ", ".join(
        f"{name} {value:.1f}" for name, value in figures.items() if name not in ("seconds", "records")
    )
    return f"  {what}: {figures['seconds']:.1f} s ({parts})"
