"""How fast lines are mapped, checked and written, against the bare JSON round trip of the same lines."""

import time
from collections.abc import Iterator

import orjson

from benchmarks.records import HOUR, Records
from benchmarks.rows import Row, at_least, compared
from benchmarks.world import Worlds
from duo_pipeline import instants
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.line import RecordFormat, line
from duo_pipeline.udm.findings import Findings
from duo_pipeline.udm.lines import event_lines

COUNT = 50_000
REPEATS = 7


def rows(worlds: Worlds) -> Iterator[Row]:
    """Take the lines of a busy hour of work through both, in turn, in this process."""
    yield _row(
        "events mapped, checked and written, by orjson.loads and dumps", _lines(worlds, "secops"), 0.25
    )
    yield _row("the same of lines as Duo sent them", _lines(worlds, "verbatim"), None)


def _row(what: str, lines: list[bytes], least: float | None) -> Row:
    pairs = [(_mapped(lines), _round_trips(lines)) for _ in range(REPEATS + 1)][1:]
    return compared(what, pairs, at_least(least) if least else None, "a second")


def _lines(worlds: Worlds, format_: RecordFormat) -> list[bytes]:
    host = "api-1.duosecurity.com"
    start = worlds.end - 24 * HOUR
    log = Records(COUNT, start, worlds.end).log()
    records = [one.item for number in range(24) for one in log.placed(start + HOUR * number)]
    return [line(one, utc=instants.parse(one["ts"]).utc, host=host, record_format=format_) for one in records]


def _mapped(lines: list[bytes]) -> float:
    began = time.process_time()
    with Body() as body:
        body.write_all(
            event_lines((("object", number, text) for number, text in enumerate(lines)), Findings())
        )
        return body.lines / (time.process_time() - began)


def _round_trips(lines: list[bytes]) -> float:
    began = time.process_time()
    with Body() as body:
        body.write_all(orjson.dumps(orjson.loads(text)) for text in lines)
        return body.lines / (time.process_time() - began)
