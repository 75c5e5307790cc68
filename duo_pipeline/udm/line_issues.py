"""Find the issues of one line that its shape does not have: in its time, id, phone number and keys."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import phonenumbers

from duo_pipeline.masking import shown
from duo_pipeline.ndjson import is_number
from duo_pipeline.udm import finding_types as types
from duo_pipeline.udm.assumptions import Assumption, assumption_of_time, assumption_of_value
from duo_pipeline.udm.finding_types import Issue
from duo_pipeline.udm.mapping import Event
from duo_pipeline.udm.rules import ADDED_FIELDS, DUOS_FIELDS, RECORD_ID
from duo_pipeline.udm.schema import LIMITS, byte_length
from duo_pipeline.udm.values import is_filled, text

_KNOWN_KEYS = frozenset((*DUOS_FIELDS, *ADDED_FIELDS))
_LONGEST_ID = LIMITS["productLogId"]


def line_issues(record: Mapping[str, Any], event: Event, *, strict: bool) -> list[Issue]:
    """Return the issues of a line in addition to those of its shape.

    Args:
        record: The line, read as JSON.
        event: The event that `to_udm` returns for it.
        strict: Whether strict JSON parsers accept the line.
    """
    issues = []
    if "eventTimestamp" not in event["metadata"]:
        issues.append(Issue(types.NO_EVENT_TIME, _why_no_time(record.get("ts"), record.get("timestamp"))))
    issues += _assumed(assumption_of_time(record))
    issues += _text_issues(RECORD_ID, record)
    issues += _text_issues("phone", record)
    issues += [Issue(types.UNKNOWN_KEY, f"'{shown(key)}'") for key in record if key not in _KNOWN_KEYS]
    if not strict:
        issues += _assumed(Assumption.LENIENT_JSON)
    return issues


@lru_cache(1 << 16)  # the same few thousand people are called again and again
def is_e164(phone: str) -> bool:
    """Return whether a phone number has the format of E.164 and a length that its country uses."""
    try:
        number = phonenumbers.parse(phone, None)
    except phonenumbers.NumberParseException:
        return False
    return (
        phonenumbers.is_possible_number(number)
        and phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) == phone
    )


def _text_issues(field: str, record: Mapping[str, Any]) -> Iterator[Issue]:
    value = record.get(field, "")
    yield from _assumed(assumption_of_value(field, value))
    written = text(value)
    if not written:
        return
    try:
        written.encode()
    except UnicodeEncodeError:
        yield Issue(types.OUTSIDE_SCHEMA, f"half a surrogate pair in {field}")
    if field == "phone" and not is_e164(written):
        yield Issue(types.NO_E164)
    if field == RECORD_ID and byte_length(written) > _LONGEST_ID:
        yield Issue(types.TOO_LONG, f"{RECORD_ID} may have at most {_LONGEST_ID} bytes")


def _assumed(assumption: Assumption | None) -> list[Issue]:
    return [Issue(types.UNPROVEN, assumption.case)] if assumption else []


def _why_no_time(ts: object, timestamp: object) -> str:
    if isinstance(timestamp, str) and timestamp:
        return "timestamp is not an ISO 8601 instant"
    if is_number(timestamp):
        return (
            "timestamp is a number, and ts is not empty" if ts else "timestamp is outside the years 1 to 9999"
        )
    if is_filled(timestamp):
        return "timestamp is neither text nor a number"
    return types.NEVER_READ if is_filled(ts) else "the line has no time"
