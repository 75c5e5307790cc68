"""How long a run over one hour takes, compared with Dagster's own time and with its share of a range run."""

from collections.abc import Callable, Iterator
from statistics import median

from benchmarks import child
from benchmarks.range_wall_time import HOURS
from benchmarks.records import HOUR
from benchmarks.rows import Row, at_least, at_most, compared
from benchmarks.world import World
from duo_pipeline.defs.partitions import key_of

SAMPLE = 8


def rows(month: World, say: Callable[[str], None]) -> Iterator[Row]:
    """Run a sample of hours, each as the run launcher does, and the whole range in the same way.

    Each side has its own instance, which a first run has prepared.
    """
    ours, theirs = month.fresh(), month.fresh()
    pairs = []
    for number in range(SAMPLE + 1):
        hour = ("--partition", key_of(month.end - HOUR * (number + 1)))
        sides = [(child.PIPELINE, ours), (child.TRIVIAL, theirs)]
        seconds = {
            side: child.seconds(child.materialize(*side, *hour), settings)
            for side, settings in (sides[::-1] if number % 2 else sides)  # they take turns to go first
        }
        if number:
            pairs.append((seconds[child.PIPELINE], seconds[child.TRIVIAL]))
            say("  an hour: {:.2f} s, two trivial assets: {:.2f} s".format(*pairs[-1]))
    yield compared("one hour, by two trivial assets", pairs, at_most(1.25))
    first, last = month.end - HOUR * HOURS, month.end - HOUR
    whole = ("--partition-range", f"{key_of(first)}...{key_of(last)}")
    settings = month.fresh()
    child.seconds(child.materialize(*child.PIPELINE, "--partition", key_of(first - HOUR)), settings)
    seconds_of_range = child.seconds(child.materialize(*child.PIPELINE, *whole), settings)
    yield compared(
        f"30 days: a run an hour (a sample of {SAMPLE}, scaled), by the range run, both by `dagster`",
        [(median(hour for hour, _ in pairs) * HOURS, seconds_of_range)],
        at_least(50),
    )
