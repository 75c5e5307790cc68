"""Read the value of a field as Google's parser does, and find the event time.

Google's vectors show only text, absent fields and a few numbers; the rest is in `assumptions`.
"""

import json
from decimal import Decimal
from functools import lru_cache
from ipaddress import ip_address

from duo_pipeline import instants
from duo_pipeline.ndjson import is_number

_FIRST_SECOND = -62_135_596_800
_LAST_SECOND = 253_402_300_799
"""The years 1 to 9999, the range of protobuf's Timestamp."""


def is_filled(value: object) -> bool:
    """Return whether a field has a value: zero and false count as values, null and empty do not."""
    return value is not None and value not in ("", [], {})


def text(value: object) -> str:
    """Return a value as the parser copies it into a text field; empty counts as absent."""
    if isinstance(value, str):
        return value
    return str(value) if is_number(value) else ""


def label_text(value: object) -> str:
    """Return a value as the parser copies it into a label; a label takes only JSON strings."""
    return value if isinstance(value, str) else ""


@lru_cache(maxsize=1024)
def is_address(host: str) -> bool:
    """Return whether a host is an IP address (v4 or v6)."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


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
