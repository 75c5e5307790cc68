"""Which time Google's parser reads out of a line, written as protobuf's JSON writes times."""

import json
import re
from datetime import datetime
from decimal import Decimal

from duo_pipeline import instants
from duo_pipeline.udm.values import is_number

_FIRST_SECOND = -62_135_596_800
_LAST_SECOND = 253_402_300_799
"""The years 1 to 9999: protobuf's Timestamp holds no others."""

_AS_WRITTEN = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:[0-5]\d:[0-5]\d(?:\.\d{3}(?:\d{3})?(?<!000))?Z", re.ASCII
).fullmatch
_HOUR = len("2024-10-12T10")
_MOST_HOURS = 1024
_hours: set[str] = set()
"""Hours that were found to exist."""


def event_timestamp(ts: object, timestamp: object) -> str | None:
    """Give the event time of a line, or nothing where the parser finds none.

    The parser never reads ``ts`` itself. A ``ts`` that is not empty makes it read ``timestamp`` as ISO 8601;
    otherwise a number there is Unix seconds, and text ISO 8601. A number beside a ``ts`` is in no vector;
    decided here: it is no ISO 8601, so there is no time.
    """
    if isinstance(timestamp, str):
        try:
            return instants.iso(instants.parse(timestamp).ns)
        except ValueError:
            return None
    if isinstance(timestamp, int | float) and is_number(timestamp) and not ts:
        seconds = Decimal(json.dumps(timestamp))
        if seconds.is_finite() and _FIRST_SECOND <= seconds <= _LAST_SECOND:
            return instants.iso(int(seconds * instants.NANOSECONDS))
    return None


def is_as_written(timestamp: str) -> bool:
    """Tell quickly whether a text is just what `event_timestamp` makes of it; a few such texts are missed."""
    return _AS_WRITTEN(timestamp) is not None and (timestamp[:_HOUR] in _hours or _exists(timestamp[:_HOUR]))


def _exists(hour: str) -> bool:
    try:
        datetime.fromisoformat(f"{hour}:00:00+00:00")
    except ValueError:
        return False
    if len(_hours) >= _MOST_HOURS:
        _hours.clear()
    _hours.add(hour)
    return True
