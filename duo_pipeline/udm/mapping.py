"""Map a line of the feed as Google's parser for DUO_TELEPHONY does, with the table in `rules`."""

import re
from collections.abc import Mapping
from typing import Any

from duo_pipeline.udm.rules import RULES

Event = dict[str, Any]

_STEP = re.compile(r"([a-z_]+)(\[0\]|\[\])?")


def to_udm(record: Mapping[str, Any]) -> Event:
    """Return the UDM event that Google's parser makes of a line.

    Args:
        record: The line, read as JSON.

    Returns:
        The event with the JSON names of UDM (camelCase). If the parser finds no time,
        ``metadata.eventTimestamp`` is absent, and SecOps uses the time of parsing.
    """
    event: Event = {}
    for rule, parents, name, in_list in _STEPS:
        value = rule.make(*map(record.get, rule.raw))
        if not value:
            continue
        inner = event
        for parent, is_list in parents:
            inner = inner.setdefault(parent, [{}])[0] if is_list else inner.setdefault(parent, {})
        if in_list:
            inner.setdefault(name, []).append(value)
        else:
            inner[name] = value
    return event


def _path(udm: str) -> list[tuple[str, bool]]:
    """Return the JSON names on the path to a UDM field, and whether each is a list."""
    return [(_camel(name), bool(mark)) for name, mark in _STEP.findall(udm.split(" ")[0])]


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


_STEPS = [(rule, path[:-1], *path[-1]) for rule in RULES for path in [_path(rule.udm)]]
