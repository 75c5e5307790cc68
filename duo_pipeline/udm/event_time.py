"""Find the event time that Google's parser reads from a line, written as in protobuf's JSON format."""

import json
from decimal import Decimal

from duo_pipeline import instants
from duo_pipeline.ndjson import is_number

_FIRST_SECOND = -62_135_596_800
_LAST_SECOND = 253_402_300_799
"""The years 1 to 9999, the range of protobuf's Timestamp."""


def event_timestamp(ts: object, timestamp: object) -> str | None:
    """Return the event time of a line in UTC, or None if the parser finds none.

    The parser never reads ``ts`` itself. If ``ts`` is not empty, the parser reads ``timestamp`` as ISO 8601.
    Otherwise it reads a number in ``timestamp`` as Unix seconds, and text as ISO 8601. No vector has a number
    beside a ``ts``. The assumption is that there is then no event time, because a number is not ISO 8601.
    """
    if isinstance(timestamp, str):
        try:
            return instants.iso(instants.parse(timestamp).ns)
        except ValueError:
            return None
    if is_number(timestamp) and not ts:
        seconds = Decimal(json.dumps(timestamp))
        if seconds.is_finite() and _FIRST_SECOND <= seconds <= _LAST_SECOND:
            return instants.iso(int(seconds * instants.NANOSECONDS))
    return None
