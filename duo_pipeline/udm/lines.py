"""The lines of an hour, run through the mapping."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from duo_pipeline import ndjson
from duo_pipeline.udm.findings import Findings
from duo_pipeline.udm.mapping import to_udm


def event_lines(lines: Iterable[tuple[str, Mapping[str, Any] | None]], findings: Findings) -> Iterator[bytes]:
    """Give the UDM event of each line, as a line, in their order.

    Args:
        lines: For each line its place, for people, and the JSON object that it is, if it is one.
        findings: Is told of each line and event; a line without an event is a finding.
    """
    for place, record in lines:
        if record is None:
            findings.malformed(place)
            continue
        event = to_udm(record)
        findings.event(record, event, place)
        yield ndjson.line(event)
