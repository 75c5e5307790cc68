"""The lines of an hour, each mapped, checked and written as an event."""

from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from operator import itemgetter
from typing import Any, TypeVar

import orjson

from duo_pipeline import ndjson
from duo_pipeline.udm.assumptions import LENIENT_JSON
from duo_pipeline.udm.finding_types import UNKNOWN_KEY, UNPROVEN, Issue
from duo_pipeline.udm.findings import Findings, place
from duo_pipeline.udm.holes import ABSENT, id_hole, phone_hole, time_hole
from duo_pipeline.udm.rules import ADDED_FIELDS, DUOS_FIELDS
from duo_pipeline.udm.template import FORM

Record = dict[str, Any]
Line = TypeVar("Line", bound=tuple[str, int, bytes])

_FIELDS = (*FORM, "phone", "telephony_id", "ts", "timestamp", "txid")
_KNOWN = len(_FIELDS)
_each = itemgetter(*_FIELDS)
_NAMES = frozenset(_FIELDS)
_SHOWN = 80

assert frozenset((*DUOS_FIELDS, *ADDED_FIELDS)) == _NAMES  # noqa: S101 - two lists of one thing


def event_lines(
    lines: Iterable[Line], findings: Findings, look_at: Callable[[Line, Record | None], None] | None = None
) -> Iterator[bytes]:
    """Give the UDM event of each line, as a line, in their order.

    It is what `to_udm` makes of the line, put together from parts that are each made, and held against
    Google's schema, once.

    Args:
        lines: For each line the object that it stands in, its number, and its text. A line that is no JSON
            object has no event.
        findings: Is told of each line and event.
        look_at: Is shown each line, and the JSON object that it is, if it is one.
    """
    forms = findings.forms
    for line in lines:
        object_, number, text = line
        try:
            record = orjson.loads(text)
            strict = True
        except orjson.JSONDecodeError:
            record = ndjson.record(text)
            strict = False
        if type(record) is not dict:
            record = None
        if look_at is not None:
            look_at(line, record)
        if record is None:
            findings.malformed(object_, number)
            continue
        unknown = len(record) != _KNOWN
        try:
            values = _each(record)
        except KeyError:
            values = _values(record)
            unknown = len(record) + values.count(ABSENT) != _KNOWN
        context, cost, eventtype, host, type_, phone_, id_, ts, timestamp, _ = values
        time, time_fate, time_issues = time_hole(ts, timestamp)
        id_, id_fate, id_issues = id_hole(id_)
        phone, phone_fate, phone_issues = phone_hole(phone_)
        if type(cost) is int:  # as in form_key
            cost = int
        try:
            form = forms.get((context, cost, eventtype, host, type_, time_fate, id_fate, phone_fate))
        except TypeError:
            form = None
        if (
            form is None
            or form.places_wanted
            or time_issues
            or id_issues
            or phone_issues
            or unknown
            or not strict
        ):
            if strict and float in map(type, values):  # orjson reads whole numbers beyond 64 bits as such
                values = _values(ndjson.record(text) or {})
                id_, id_fate, id_issues = id_hole(values[6])
                phone, phone_fate, phone_issues = phone_hole(values[5])
            form = findings.form(values[:5], (time_fate, id_fate, phone_fate))
            issues = [*time_issues, *id_issues, *phone_issues, *_of_record(record, strict=strict)]
            own = [issue for issue in dict.fromkeys(issues) if issue not in form.issues]
            findings.note(own, place(object_, number, record.get("telephony_id")), form)
        form.lines += 1
        before, to_id, to_phone, to_user, after = form.pieces
        yield b"".join((before, time, to_id, id_, to_phone, phone, to_user, phone, after))


def _values(record: Record) -> tuple[Any, ...]:
    return tuple(map(record.get, _FIELDS, repeat(ABSENT)))


def _of_record(record: Record, *, strict: bool) -> Iterator[Issue]:
    """Give what is found of a line as a whole."""
    for key in record.keys() - _NAMES:
        yield Issue(UNKNOWN_KEY, repr(key[:_SHOWN]))
    if not strict:
        yield Issue(UNPROVEN, LENIENT_JSON.case)
