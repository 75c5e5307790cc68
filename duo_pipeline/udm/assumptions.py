"""What the mapping assumes in cases that none of Google's test vectors shows, and which line needs which."""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

from duo_pipeline.ndjson import is_number
from duo_pipeline.udm.rules import TEXT_FIELDS
from duo_pipeline.udm.values import event_timestamp

_NAMES = [f"`{field}`" for field in TEXT_FIELDS]


class Assumption(Enum):
    """A case that none of Google's test vectors shows, and what the mapping does with it.

    Attributes:
        case: The case, in words.
        decision: What the mapping does.
    """

    def __init__(self, case: str, decision: str) -> None:
        self.case = case
        self.decision = decision

    NUMBER_AS_TEXT = (
        f"a number in {', '.join(_NAMES[:-1])} or {_NAMES[-1]}",
        "it is written out, as the parser's interpolation does",
    )
    NOT_TEXT = (
        "null, true, false, a list or an object in a field that the parser reads",
        "it counts as absent",
    )
    NUMBER_AS_LABEL = (
        "a number in `eventtype`",
        "it is dropped, as V4 shows for `credits`: a label takes only JSON strings",
    )
    NUMBER_BESIDE_TS = (
        "a number in `timestamp` beside a `ts` that is not empty",
        "it is not ISO 8601, so there is no event time",
    )
    EMPTY_TS = (
        "a number in `timestamp` beside a `ts` that is null, 0, false, [] or {}",
        "such a `ts` counts as empty, and the number as Unix seconds",
    )
    DIGITS_AS_TIME = (
        "a string of digits in `timestamp`",
        "it is not ISO 8601, so there is no event time",
    )
    PARTS_OF_SECONDS = (
        "a number with a fraction in `timestamp`",
        "the fraction is kept",
    )
    RARE_ISO = (
        "ISO 8601 in `timestamp` with a space for `T`, lower case, a comma, more than nine digits of"
        " fraction, a short offset or none",
        "it is read; no offset means UTC, and digits beyond the ninth are cut",
    )
    LENIENT_JSON = (
        "a line that strict readers of JSON refuse: NaN, half a surrogate pair, a byte order mark, a huge"
        " number",
        "it is read as Python's json reads it",
    )


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
        return Assumption.NOT_TEXT
    if field in TEXT_FIELDS:
        return Assumption.NUMBER_AS_TEXT
    return None if field == "credits" else Assumption.NUMBER_AS_LABEL


def assumption_of_time(record: Mapping[str, Any]) -> Assumption | None:
    """Return the assumption that the event time of a line needs, or None."""
    ts, timestamp = record.get("ts"), record.get("timestamp", "")
    if isinstance(timestamp, str):
        if _PROVEN_ISO(timestamp):
            return None
        if timestamp.isdecimal():
            return Assumption.DIGITS_AS_TIME
        return Assumption.RARE_ISO if event_timestamp(ts, timestamp) else None
    if not is_number(timestamp):
        return Assumption.NOT_TEXT
    if ts:
        return Assumption.NUMBER_BESIDE_TS
    if ts not in (None, ""):
        return Assumption.EMPTY_TS
    return Assumption.PARTS_OF_SECONDS if isinstance(timestamp, float) else None
