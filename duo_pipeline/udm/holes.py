"""What differs from line to line, each as it stands in an event: its time, its id, its phone number."""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import orjson
import phonenumbers

from duo_pipeline.udm.assumptions import Assumption, assumption_of_time, assumption_of_value
from duo_pipeline.udm.event_time import event_timestamp, is_as_written
from duo_pipeline.udm.finding_types import NO_E164, NO_EVENT_TIME, OUTSIDE_SCHEMA, TOO_LONG, UNPROVEN, Issue
from duo_pipeline.udm.schema import LIMITS, byte_length
from duo_pipeline.udm.values import is_filled, is_number, text

ABSENT: Any = object()
"""Stands for a field that a line does not have."""

NOTHING, KEPT, LOST, TS_ALONE = range(4)
"""What becomes of a fact: the line carries none, the event has it, the event lacks it; and the case of a time
that each line has that stands as Duo sent it: there is a ts and no timestamp, so the event lacks it."""


Hole = tuple[bytes, int, tuple[Issue, ...]]
"""A value as it stands in the event's line, the fate of the fact, and what is found of it.

The value is a JSON string; of a time, which needs no escapes, only what is between the quotes. It is empty
if the event has none.
"""

NEVER_READ = "the parser never reads ts, and there is no timestamp"
_LONGEST_ID = LIMITS["productLogId"] + len('""')


def time_hole(ts: Any, timestamp: Any) -> Hole:  # noqa: ANN401 - any JSON
    """Give the event time."""
    if type(timestamp) is str and is_as_written(timestamp):
        return timestamp.encode(), KEPT, ()
    if timestamp is ABSENT and type(ts) is str and ts:
        return b"", TS_ALONE, ()  # the form has the issue
    ts, was_null = (None if ts is ABSENT else ts), timestamp is None
    timestamp = None if timestamp is ABSENT else timestamp
    time = event_timestamp(ts, timestamp)
    issues = _unproven(assumption_of_time(ts, timestamp))
    if was_null or not (timestamp is None or isinstance(timestamp, str) or is_number(timestamp)):
        issues = _unproven(assumption_of_value("timestamp", timestamp))
    if time:
        return time.encode(), KEPT, issues
    fate = LOST if is_filled(ts) or is_filled(timestamp) else NOTHING
    return b"", fate, (Issue(NO_EVENT_TIME, _why_no_time(ts, timestamp)), *issues)


def id_hole(telephony_id: Any) -> Hole:  # noqa: ANN401 - any JSON
    """Give the record's id."""
    if type(telephony_id) is str and telephony_id:
        try:
            literal = orjson.dumps(telephony_id)
        except TypeError:
            pass
        else:
            if len(literal) <= _LONGEST_ID:
                return literal, KEPT, ()
    return _text_hole("telephony_id", telephony_id, _of_id)


def phone_hole(phone: Any) -> Hole:  # noqa: ANN401 - any JSON
    """Give the phone number; the same few thousand are called again and again."""
    return _known_phone(phone) if type(phone) is str else _text_hole("phone", phone, _of_phone)


def is_e164(phone: str) -> bool:
    """Tell whether a phone number is written as E.164 writes it, and may exist by its country's plan."""
    try:
        number = phonenumbers.parse(phone, None)
    except phonenumbers.NumberParseException:
        return False
    return (
        phonenumbers.is_possible_number(number)
        and phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) == phone
    )


def _text_hole(field: str, value: Any, look: Callable[[str], tuple[Issue, ...]]) -> Hole:  # noqa: ANN401
    written = text(value)
    issues = () if value is ABSENT else _unproven(assumption_of_value(field, value))
    if not written:
        return b"", LOST if value is not ABSENT and is_filled(value) else NOTHING, issues
    try:
        literal = orjson.dumps(written)
    except TypeError:  # half a surrogate pair
        literal = json.dumps(written).encode()
        issues = (*issues, Issue(OUTSIDE_SCHEMA, f"half a surrogate pair in {field}"))
    return literal, KEPT, (*issues, *look(written))


@lru_cache(maxsize=1 << 16)
def _known_phone(phone: str) -> Hole:
    return _text_hole("phone", phone, _of_phone)


def _of_phone(phone: str) -> tuple[Issue, ...]:
    return () if is_e164(phone) else (Issue(NO_E164),)


def _of_id(telephony_id: str) -> tuple[Issue, ...]:
    limit = LIMITS["productLogId"]
    if byte_length(telephony_id) <= limit:
        return ()
    return (Issue(TOO_LONG, f"telephony_id for metadata.product_log_id is too long: {limit}"),)


def _unproven(rule: Assumption | None) -> tuple[Issue, ...]:
    return (Issue(UNPROVEN, rule.case),) if rule else ()


def _why_no_time(ts: Any, timestamp: Any) -> str:  # noqa: ANN401 - any JSON
    if isinstance(timestamp, str) and timestamp:
        return "timestamp is no ISO 8601 instant"
    if is_number(timestamp):
        return (
            "timestamp is a number, and ts is not empty" if ts else "timestamp is out of the years 1 to 9999"
        )
    if is_filled(timestamp):
        return "timestamp is neither text nor a number"
    return NEVER_READ if is_filled(ts) else "the line has no time"
