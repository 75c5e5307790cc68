"""Map and check the lines of an hour, and write each as an event."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import orjson

from duo_pipeline import ndjson
from duo_pipeline.udm.findings import Findings, place
from duo_pipeline.udm.line_issues import line_issues
from duo_pipeline.udm.mapping import to_udm
from duo_pipeline.udm.rules import RECORD_ID
from duo_pipeline.udm.shapes import shape_of

Record = dict[str, Any]
Line = TypeVar("Line", bound=tuple[str, int, bytes])


def event_lines(
    lines: Iterable[Line], findings: Findings, look_at: Callable[[Line, Record | None], None] | None = None
) -> Iterator[bytes]:
    """Yield the UDM event of each line (`to_udm`), written as a line, in the order of the lines.

    Args:
        lines: For each line its object, its number and its text. A line that is not a JSON object has no
            event.
        findings: Counts each line and event.
        look_at: Called with each line, and with its JSON object or None if it is not one.
    """
    for line in lines:
        object_, number, text = line
        record, strict = _read(text)
        if look_at is not None:
            look_at(line, record)
        if record is None:
            findings.malformed(object_, number)
            continue
        event = to_udm(record)
        findings.add(
            shape_of(record, event),
            line_issues(record, event, strict=strict),
            place(object_, number, record.get(RECORD_ID)),
        )
        yield ndjson.line(event)


def _read(text: bytes) -> tuple[Record | None, bool]:
    """Return a line as a JSON object, or None, and whether strict JSON parsers accept it."""
    try:
        record = orjson.loads(text)
    except orjson.JSONDecodeError:
        return ndjson.record(text), False
    if type(record) is not dict:
        return None, True
    if float in map(type, record.values()):  # orjson reads whole numbers beyond 64 bits as floats
        return ndjson.record(text), True
    return record, True
