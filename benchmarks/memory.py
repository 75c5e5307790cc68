"""How much more memory an hour takes that is a hundred times as busy."""

from collections.abc import Callable

from benchmarks import child
from benchmarks.records import HOUR, Records
from benchmarks.rows import Row, at_most, compared
from benchmarks.world import Worlds
from duo_pipeline.defs.partitions import key_of


def row(worlds: Worlds, say: Callable[[str], None]) -> Row:
    """Run an hour of 100,000 records and one of 1,000 with the same command."""
    hour = worlds.end - HOUR
    command = child.materialize(*child.PIPELINE, "--partition", key_of(hour))

    def peak(count: int) -> float:
        with worlds.having(Records(count, hour, worlds.end)) as world:
            mib = child.peak_mib(command, world.fresh())
        say(f"  an hour of {count:,} records: {mib:.0f} MiB")
        return mib

    pairs = [(peak(100_000), peak(1_000))]
    return compared("peak memory: an hour of 100,000 records, by one of 1,000", pairs, at_most(1.3), "MiB")
