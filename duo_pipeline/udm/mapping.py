"""What Google's parser for DUO_TELEPHONY makes of one line of the feed, by the table of `rules`."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from duo_pipeline.udm.rules import RULES, Value

Event = dict[str, Any]

_STEP = re.compile(r"([a-z_]+)(\[0\]|\[\])?")


def to_udm(record: Mapping[str, Any]) -> Event:
    """Give the UDM event that Google's parser makes of a line.

    Args:
        record: The line, read as JSON.

    Returns:
        The event with the JSON names of UDM (camelCase). Where the parser finds no time,
        ``metadata.eventTimestamp`` is absent: SecOps puts in the time of parsing.
    """
    event: Event = {}
    for raw, make, put in _STEPS:
        value = make(*map(record.get, raw))
        if value:
            put(event, value)
    return event


def _putter(udm: str) -> Callable[[Event, Value], None]:
    """Make what puts a value in its place in an event."""
    *parents, (last, mark) = [(_camel(name), mark) for name, mark in _STEP.findall(udm.split(" ")[0])]

    def put(event: Event, value: Value) -> None:
        for name, in_list in parents:
            event = event.setdefault(name, [{}])[0] if in_list else event.setdefault(name, {})
        if mark:
            event.setdefault(last, []).append(value)
        else:
            event[last] = value

    return put


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


_STEPS = [(rule.raw, rule.make, _putter(rule.udm)) for rule in RULES]
