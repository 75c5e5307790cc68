"""Invented lines that exercise every rule of the mapping, for the parser that is active in SecOps.

They have only cases that Google's vectors show: an assumption of the mapping that turns out to be wrong is
not a change of the parser.
"""

from typing import Any

from duo_pipeline import ndjson
from duo_pipeline.udm.rules import RULES

_TEXTS = {
    "credits": "1",
    "host": "api-00000000.duosecurity.com",
    "phone": "+12025550100",
    "timestamp": "2020-02-29T12:34:56.789Z",
    "ts": "2020-02-29T12:34:56.789000+00:00",
}
_UNIX = 1582979696


def invented_lines() -> list[bytes]:
    """Return the lines; each is one that Duo or this pipeline could write, with values that nobody has."""
    fields = sorted({field for rule in RULES for field in rule.raw})
    whole = {field: _TEXTS.get(field, f"invented {field}") for field in fields}
    lines: list[dict[str, Any]] = [whole]
    for field in fields:
        lines.append(_without(whole, field))
        if field not in ("timestamp", "ts"):
            lines.append({**whole, field: ""})
    lines += [
        {**whole, "host": "192.0.2.1"},
        {**whole, "host": "2001:db8::1"},
        {**whole, "credits": 1},
        {**_without(whole, "ts"), "timestamp": _UNIX},
        {**_without(whole, "timestamp", "host", "eventtype"), "credits": 1},
        {**whole, "unknown": "x"},
    ]
    return [ndjson.line(line).rstrip(b"\n") for line in lines]


def _without(line: dict[str, Any], *fields: str) -> dict[str, Any]:
    return {field: value for field, value in line.items() if field not in fields}
