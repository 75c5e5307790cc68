"""How fast lines are mapped, checked and written, and which share of an hour's run that is.

The command `python -m benchmarks.mapping_speed FILE` prints, as JSON, how long a new process takes for a file
of lines.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import child
from benchmarks.records import HOUR, Records
from benchmarks.rows import Row, at_least, at_most, compared
from benchmarks.world import Worlds
from duo_pipeline import instants
from duo_pipeline.defs.partitions import key_of
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.line import RecordFormat, line

COUNT = 50_000
REPEATS = 7
WANTED = 40_000
"""Events a second."""
OF_AN_HOUR = 1_000
RUNS = 3


def rows(worlds: Worlds, say: Callable[[str], None]) -> Iterator[Row]:
    """Map the lines of a busy hour in this process, and the lines of a usual hour as part of a run."""
    what = f"events mapped, checked and written, by {WANTED:,}"
    yield _speed(what, _lines(worlds, COUNT, "secops"))
    yield _speed(f"{what}: lines as Duo sent them", _lines(worlds, COUNT, "verbatim"))
    yield _share(worlds, say)


def _speed(what: str, lines: list[bytes]) -> Row:
    pairs = [(len(lines) / _seconds(lines, time.process_time), float(WANTED)) for _ in range(REPEATS + 1)][1:]
    return compared(what, pairs, at_least(1), "a second")


def _share(worlds: Worlds, say: Callable[[str], None]) -> Row:
    """Run an hour as the run launcher does, and map as many lines in another process."""
    hour = worlds.end - HOUR
    file = worlds.folder / "lines.ndjson"
    file.write_bytes(b"\n".join(_lines(worlds, OF_AN_HOUR, "secops")[:OF_AN_HOUR]))
    run = child.materialize(*child.PIPELINE, "--partition", key_of(hour))
    pairs = []
    with worlds.having(Records(OF_AN_HOUR, hour, worlds.end)) as world:
        for _ in range(RUNS):
            mapping = child.figures(("-m", "benchmarks.mapping_speed", str(file)), {})["seconds"]
            pairs.append((mapping, child.seconds(run, world.fresh())))
            say("  mapping {:.3f} s, the run {:.2f} s".format(*pairs[-1]))
    return compared(f"mapping {OF_AN_HOUR:,} lines, by a run over an hour of them", pairs, at_most(0.15))


def _lines(worlds: Worlds, count: int, format_: RecordFormat) -> list[bytes]:
    host = "api-1.duosecurity.com"
    start = worlds.end - 24 * HOUR
    log = Records(count, start, worlds.end).log()
    records = [one.item for number in range(24) for one in log.placed(start + HOUR * number)]
    return [line(one, utc=instants.parse(one["ts"]).utc, host=host, record_format=format_) for one in records]


def _seconds(lines: list[bytes], clock: Callable[[], float]) -> float:
    """Return how long the mapping takes by this clock, including its imports."""
    began = clock()
    from duo_pipeline.udm.findings import Findings
    from duo_pipeline.udm.lines import event_lines

    findings = Findings()
    with Body() as body:
        body.write_all(event_lines((("object", number, text) for number, text in enumerate(lines)), findings))
        body.write_all(findings.ndjson_lines())
    return clock() - began


if __name__ == "__main__":
    json.dump(
        {"seconds": _seconds(Path(sys.argv[1]).read_bytes().splitlines(), time.perf_counter)}, sys.stdout
    )
