"""The assumptions of the mapping about cases that no vector of Google's shows, and which line needs which."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from duo_pipeline.udm.event_time import event_timestamp
from duo_pipeline.udm.values import is_number


@dataclass(frozen=True, slots=True)
class Assumption:
    """A case that no vector of Google's shows, and what the mapping does with it.

    Attributes:
        case: The case, in words.
        decision: What the mapping does.
    """

    case: str
    decision: str


NUMBER_AS_TEXT = Assumption(
    "a number in `context`, `host`, `phone`, `telephony_id` or `type`",
    "it is written out, as the parser's interpolation does",
)
NOT_TEXT = Assumption(
    "null, true, false, a list or an object in a field that the parser reads",
    "it counts as absent",
)
NUMBER_AS_LABEL = Assumption(
    "a number in `eventtype`",
    "it is dropped, as V4 shows for `credits`: a label takes only JSON strings",
)
NUMBER_BESIDE_TS = Assumption(
    "a number in `timestamp` beside a `ts` that is not empty",
    "it is not ISO 8601, so there is no event time",
)
EMPTY_TS = Assumption(
    "a number in `timestamp` beside a `ts` that is null, 0, false, [] or {}",
    "such a `ts` counts as empty, and the number as Unix seconds",
)
DIGITS_AS_TIME = Assumption(
    "a string of digits in `timestamp`",
    "it is not ISO 8601, so there is no event time",
)
PARTS_OF_SECONDS = Assumption(
    "a number with a fraction in `timestamp`",
    "the fraction is kept",
)
RARE_ISO = Assumption(
    "ISO 8601 in `timestamp` with a space for `T`, lower case, a comma, more than nine digits of fraction, a"
    " short offset or none",
    "it is read; no offset means UTC, and digits beyond the ninth are cut",
)
LENIENT_JSON = Assumption(
    "a line that strict readers of JSON refuse: NaN, half a surrogate pair, a byte order mark, a huge number",
    "it is read as Python's json reads it",
)
ASSUMPTIONS = (
    NUMBER_AS_TEXT,
    NOT_TEXT,
    NUMBER_AS_LABEL,
    NUMBER_BESIDE_TS,
    EMPTY_TS,
    DIGITS_AS_TIME,
    PARTS_OF_SECONDS,
    RARE_ISO,
    LENIENT_JSON,
)

_LABELS = ("credits", "eventtype")
_PROVEN_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII).fullmatch


def assumption_of_value(field: str, value: object) -> Assumption | None:
    """Return the assumption that the value of a field needs, or None.

    Args:
        field: The name of the field, which is not one of the times.
        value: The value of the field, which may be null.
    """
    if isinstance(value, str):
        return None
    if not is_number(value):
        return NOT_TEXT
    if field in _LABELS:
        return None if field == "credits" else NUMBER_AS_LABEL
    return NUMBER_AS_TEXT


def assumption_of_time(record: Mapping[str, Any]) -> Assumption | None:
    """Return the assumption that the event time of a line needs, or None."""
    ts, timestamp = record.get("ts"), record.get("timestamp", "")
    if isinstance(timestamp, str):
        if _PROVEN_ISO(timestamp):
            return None
        if timestamp.isdecimal():
            return DIGITS_AS_TIME
        return RARE_ISO if event_timestamp(ts, timestamp) else None
    if not is_number(timestamp):
        return NOT_TEXT
    if ts:
        return NUMBER_BESIDE_TS
    if ts not in (None, ""):
        return EMPTY_TS
    return PARTS_OF_SECONDS if isinstance(timestamp, float) else None
