"""Check what many lines have in common only once.

Most lines differ only in their time, id and phone number. A million lines have only a few dozen combinations
of the other values. Each combination is checked against Google's schema and the rules when it first appears.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from duo_pipeline.masking import shown
from duo_pipeline.ndjson import is_number
from duo_pipeline.udm import finding_types as types
from duo_pipeline.udm import schema
from duo_pipeline.udm.assumptions import assumption_of_value
from duo_pipeline.udm.finding_types import Issue
from duo_pipeline.udm.mapping import Event, to_udm
from duo_pipeline.udm.rules import COMMON, KNOWN_VALUES, RECORD_ID, RULES, STAND_INS
from duo_pipeline.udm.values import is_filled, text

MOST_SHAPES = 4096
"""How many shapes are kept in memory."""
_FIELDS = (*COMMON, *STAND_INS, "ts")
_ABSENT: Any = object()


@dataclass(frozen=True, eq=False, slots=True)
class Shape:
    """The common properties of all lines that differ only in time, id and phone number.

    Attributes:
        event_type: The UDM type of their events.
        facts: For each of `RULES`, whether the lines carry the fact, and whether their events have it.
        issues: The issues of each of these lines, in addition to its `line_issues`.
        as_sent: Whether the lines are as Duo sent them, without the fields that the parser needs in addition.
    """

    event_type: str
    facts: tuple[tuple[bool, bool], ...]
    issues: tuple[Issue, ...]
    as_sent: bool


def shape_of(record: Mapping[str, Any], event: Event) -> Shape:
    """Return the shape of a line.

    Args:
        record: The line, read as JSON.
        event: The event that `to_udm` returns for it.
    """
    get = record.get
    values = (
        *[get(field, _ABSENT) for field in COMMON],
        _stand_in("timestamp", "eventTimestamp" in event["metadata"], get("timestamp"), get("ts")),
        _stand_in(RECORD_ID, "productLogId" in event["metadata"], get(RECORD_ID)),
        _stand_in("phone", "user" in event.get("principal", ()), get("phone")),
        True if _has_only_ts(record) else _ABSENT,
    )
    try:
        return _shape(*values)
    except TypeError:  # a list or an object cannot be a key of the cache
        return _shape.__wrapped__(*values)


def _stand_in(field: str, arrives: bool, *values: object) -> object:
    """Return a placeholder: text if the value arrives in the event, true if the parser drops it."""
    if arrives:
        return STAND_INS[field]
    return True if any(map(is_filled, values)) else _ABSENT


def _has_only_ts(record: Mapping[str, Any]) -> bool:
    """Return whether a line has its time only in ``ts``, which the parser never reads."""
    ts = record.get("ts")
    return isinstance(ts, str) and ts != "" and "timestamp" not in record


@lru_cache(MOST_SHAPES, typed=True)  # typed: 1, 1.0 and true are equal, but not to the parser
def _shape(*values: object) -> Shape:
    line = {field: value for field, value in zip(_FIELDS, values, strict=True) if value is not _ABSENT}
    event = to_udm(line)
    facts = []
    for rule in RULES:
        raw = [line.get(field) for field in rule.raw]
        facts.append((rule.carries(*raw), bool(rule.make(*raw))))
    lost = {rule.raw[0] for rule, (carried, kept) in zip(RULES, facts, strict=True) if carried and not kept}
    return Shape(
        event_type=event["metadata"]["eventType"],
        facts=tuple(facts),
        issues=(
            *([Issue(types.NO_EVENT_TIME, types.NEVER_READ)] if "ts" in line else []),
            *(_loss(field, line.get(field)) for field in sorted(lost - {"timestamp"})),
            *_faults(event),
            *_unknown_values(line),
            *_assumptions(line),
        ),
        as_sent="host" not in line and "eventtype" not in line,
    )


def _loss(field: str, value: object) -> Issue:
    if field == "host" and not is_filled(value):
        return Issue(types.NO_HOST)
    if field == "credits" and is_number(value):
        return Issue(types.CREDITS_LOST)
    return Issue(types.FACT_LOST, field)


def _faults(event: Event) -> list[Issue]:
    refusal = schema.refusal(event)
    return [
        *([Issue(types.OUTSIDE_SCHEMA, shown(refusal))] if refusal else []),
        *(Issue(types.TOO_LONG, name) for name in schema.too_long(event)),
        # a missing event time has its own type of finding
        *(
            Issue(types.MISSING, field)
            for field in schema.missing(event)
            if field != "metadata.event_timestamp"
        ),
    ]


def _unknown_values(line: Mapping[str, Any]) -> list[Issue]:
    return [
        Issue(types.UNKNOWN_VALUE, f"{field} '{shown(value)}'")
        for field, known in KNOWN_VALUES.items()
        if (value := text(line.get(field))) and value not in known
    ]


def _assumptions(line: Mapping[str, Any]) -> list[Issue]:
    assumed = (assumption_of_value(field, line[field]) for field in COMMON if field in line)
    return [Issue(types.UNPROVEN, one.case) for one in dict.fromkeys(assumed) if one]
