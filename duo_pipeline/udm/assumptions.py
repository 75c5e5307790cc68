"""What no vector of Google's settles: how it is decided here, and when a line needs such a decision."""

import re
from dataclasses import dataclass
from typing import Any

from duo_pipeline.udm.event_time import event_timestamp
from duo_pipeline.udm.values import is_number


@dataclass(frozen=True, slots=True)
class Assumption:
    """What no vector settles, and how it is decided here.

    Attributes:
        name: Its name in the findings.
        case: The case, in words.
        decision: What the mapping does.
    """

    name: str
    case: str
    decision: str


NUMBER_AS_TEXT = Assumption(
    "number_as_text",
    "a number in `context`, `host`, `phone`, `telephony_id` or `type`",
    "it is written out, as the parser's interpolation does",
)
NO_TEXT = Assumption(
    "no_text",
    "null, true, false, a list or an object in a field that the parser reads",
    "it counts as absent",
)
LABEL_NO_STRING = Assumption(
    "label_no_string",
    "a number in `eventtype`",
    "it is dropped, as V4 shows for `credits`: a label takes only JSON strings",
)
NUMBER_BESIDE_TS = Assumption(
    "number_beside_ts",
    "a number in `timestamp` beside a `ts` that is not empty",
    "it is no ISO 8601, so there is no event time",
)
EMPTY_TS = Assumption(
    "empty_ts",
    "a number in `timestamp` beside a `ts` that is null, 0, false, [] or {}",
    "such a `ts` counts as empty, and the number as Unix seconds",
)
DIGITS_AS_TIME = Assumption(
    "digits_as_time",
    "a string of digits in `timestamp`",
    "it is no ISO 8601, so there is no event time",
)
PARTS_OF_SECONDS = Assumption(
    "parts_of_seconds",
    "a number with a fraction in `timestamp`",
    "the fraction is kept",
)
RARE_ISO = Assumption(
    "rare_iso",
    "ISO 8601 in `timestamp` with a space for `T`, lower case, a comma, more than nine digits of fraction, a"
    " short offset or none",
    "it is read; no offset means UTC, and digits beyond the ninth are cut",
)
LENIENT_JSON = Assumption(
    "lenient_json",
    "a line that strict readers of JSON refuse: NaN, half a surrogate pair, a byte order mark, a huge number",
    "it is read as Python's json reads it",
)
ASSUMPTIONS = (
    NUMBER_AS_TEXT,
    NO_TEXT,
    LABEL_NO_STRING,
    NUMBER_BESIDE_TS,
    EMPTY_TS,
    DIGITS_AS_TIME,
    PARTS_OF_SECONDS,
    RARE_ISO,
    LENIENT_JSON,
)

_LABELS = ("credits", "eventtype")
_PROVEN_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII).fullmatch


def assumption_of_value(field: str, value: Any) -> Assumption | None:  # noqa: ANN401 - any JSON
    """Give the decision that was taken for the value of a field other than the times, if one was.

    Args:
        field: The field.
        value: Its value; it is there, maybe as null.
    """
    if isinstance(value, str):
        return None
    if not is_number(value):
        return NO_TEXT
    if field in _LABELS:
        return None if field == "credits" else LABEL_NO_STRING
    return NUMBER_AS_TEXT


def assumption_of_time(ts: object, timestamp: object) -> Assumption | None:
    """Give the decision that was taken for the event time, if one was; absent is None here."""
    if isinstance(timestamp, str):
        if timestamp.isdecimal():
            return DIGITS_AS_TIME
        return RARE_ISO if event_timestamp(ts, timestamp) and not _PROVEN_ISO(timestamp) else None
    if not is_number(timestamp):
        return None
    if ts:
        return NUMBER_BESIDE_TS
    if ts not in (None, ""):
        return EMPTY_TS
    return PARTS_OF_SECONDS if isinstance(timestamp, float) else None
