"""The lines of an hour, run through the mapping."""

import json
from collections.abc import Iterable, Iterator

from duo_pipeline import ndjson
from duo_pipeline.udm.findings import Findings
from duo_pipeline.udm.mapping import to_udm


def event_lines(lines: Iterable[tuple[str, bytes]], findings: Findings) -> Iterator[bytes]:
    """Give the UDM event of each line, as a line, in their order.

    Args:
        lines: For each line its place, for people, and its bytes.
        findings: Is told of each line and event; a line without an event is a finding.
    """
    for place, text in lines:
        try:
            record = json.loads(text)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            findings.malformed(place)
            continue
        event = to_udm(record)
        findings.event(record, event, place)
        yield ndjson.line(event)
