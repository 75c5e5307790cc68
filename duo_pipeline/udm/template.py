"""Events of one form: all but what differs from line to line is written, checked and judged once.

An hour has as many forms as there are combinations of context, credits, event type, host and type: a few
dozen in a million lines. What is left for each line is to fill in its time, its id and its phone number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from duo_pipeline import ndjson
from duo_pipeline.udm import schema
from duo_pipeline.udm.assumptions import assumption_of_value
from duo_pipeline.udm.finding_types import (
    CREDITS_LOST,
    FACT_LOST,
    MISSING,
    NO_EVENT_TIME,
    NO_HOST,
    OUTSIDE_SCHEMA,
    TOO_LONG,
    UNKNOWN_VALUE,
    UNPROVEN,
    Issue,
)
from duo_pipeline.udm.holes import ABSENT, KEPT, NEVER_READ, NOTHING, TS_ALONE
from duo_pipeline.udm.mapping import Event, to_udm
from duo_pipeline.udm.rules import KNOWN_VALUES, RULES
from duo_pipeline.udm.values import is_filled, is_number, text

FORM = ("context", "credits", "eventtype", "host", "type")
"""The fields whose values come again and again."""
HOLES = ("timestamp", "telephony_id", "phone")
"""The fields that differ from line to line, in the order in which an event has them; phone comes twice."""

_SHOWN = 80


@dataclass(frozen=True, eq=False, slots=True)
class Template:
    """The events of one form.

    Attributes:
        pieces: The event's line around time, id, phone and phone; where an event lacks one of them, nothing
            goes between two pieces.
        event_type: Its UDM type.
        facts: For each of `RULES`, whether such lines carry it, and whether their events have it.
        issues: What is found of each such line.
    """

    pieces: tuple[bytes, bytes, bytes, bytes, bytes]
    event_type: str
    facts: tuple[tuple[bool, bool], ...]
    issues: tuple[Issue, ...]


def template(values: Sequence[Any], fates: Sequence[int]) -> Template:
    """Make the template of a form.

    Args:
        values: Of the fields of `FORM`; ABSENT where a line lacks one.
        fates: What becomes of the facts of `HOLES`.
    """
    form = {field: value for field, value in zip(FORM, values, strict=True) if value is not ABSENT}
    marks = _marks(form)
    fate_of = dict(zip(HOLES, fates, strict=True))
    filled = {field: marks[field] for field, fate in fate_of.items() if fate == KEPT}
    event = to_udm({**form, **filled})
    facts = _facts(form, fate_of)
    no_time = [Issue(NO_EVENT_TIME, NEVER_READ)] if fate_of["timestamp"] == TS_ALONE else []
    return Template(
        pieces=_around(ndjson.line(event), marks),
        event_type=event["metadata"]["eventType"],
        facts=facts,
        issues=(*no_time, *_losses(form, facts), *_faults(event), *_unknown(form), *_unproven(form)),
    )


def _marks(form: dict[str, Any]) -> dict[str, str]:
    """Give texts to stand in the holes, of which nothing in the form holds any."""
    held = repr(form)
    number = next(str(number) for number in count(111_111_111) if str(number) not in held)
    return {"timestamp": f"2000-01-01T00:00:00.{number}Z", "telephony_id": number, "phone": f"+{number}"}


def _around(line: bytes, marks: dict[str, str]) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    time, id_, phone = (marks[field].encode() for field in HOLES)
    pieces = []
    for mark in (time, b'"%b"' % id_, b'"%b"' % phone, b'"%b"' % phone):
        before, found, after = line.partition(mark)
        piece, line = (before, after) if found else (b"", line)
        pieces.append(piece)
    first, second, third, fourth = pieces
    return first, second, third, fourth, line


def _facts(form: dict[str, Any], fates: dict[str, int]) -> tuple[tuple[bool, bool], ...]:
    facts = []
    for rule in RULES:
        fate = next((fates[field] for field in rule.raw if field in fates), None)
        if fate is None:
            values = [form.get(field) for field in rule.raw]
            facts.append((rule.carries(*values), bool(rule.make(*values))))
        else:
            facts.append((fate != NOTHING, fate == KEPT))
    return tuple(facts)


def _losses(form: dict[str, Any], facts: tuple[tuple[bool, bool], ...]) -> list[Issue]:
    lost = {rule.raw[0] for rule, (carried, kept) in zip(RULES, facts, strict=True) if carried and not kept}
    losses = []
    for field in sorted(lost - {"timestamp"}):  # of a lost time, the hole has said why
        if field == "host" and not is_filled(form.get("host")):
            losses.append(Issue(NO_HOST))
        elif field == "credits" and is_number(form["credits"]):
            losses.append(Issue(CREDITS_LOST))
        else:
            losses.append(Issue(FACT_LOST, field))
    return losses


def _faults(event: Event) -> list[Issue]:
    refusal = schema.refusal(event)
    limits = schema.LIMITS
    return [
        *([Issue(OUTSIDE_SCHEMA, refusal)] if refusal else []),
        *(Issue(TOO_LONG, f"{name} is too long: {limits[name]}") for name in schema.too_long(event)),
        *(Issue(MISSING, field) for field in schema.missing(event) if field != "metadata.event_timestamp"),
    ]


def _unknown(form: dict[str, Any]) -> list[Issue]:
    return [
        Issue(UNKNOWN_VALUE, f"{field} {value[:_SHOWN]!r}")
        for field, known in KNOWN_VALUES.items()
        if (value := text(form.get(field))) and value not in known
    ]


def _unproven(form: dict[str, Any]) -> list[Issue]:
    rules = {rule.name: rule for field, value in form.items() if (rule := assumption_of_value(field, value))}
    return [Issue(UNPROVEN, rule.case) for rule in rules.values()]
