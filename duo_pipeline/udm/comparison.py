"""Hold the events of this mapping against those of the parser that is active in SecOps, field by field."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from duo_pipeline import instants, ndjson
from duo_pipeline.udm.mapping import Event, to_udm
from duo_pipeline.udm.rules import RULES

NO_EVENT = "the event"
"""The field of a line of which only one side makes an event."""
_PLATFORM = (
    "metadata.id",
    "metadata.log_type",
    "metadata.ingested_timestamp",
    "metadata.collected_timestamp",
    "metadata.base_labels",
    "metadata.enrichment_labels",
    "metadata.ingestion_labels",
    "principal.asset",
    "principal.namespace",
    "target.asset",
)
"""What the platform adds after the parser: it is not compared."""
_AROUND_NOW = 15 * 60 * instants.NANOSECONDS


class Difference(NamedTuple):
    """A field in which two events of one line differ.

    Attributes:
        field: The UDM field, as `RULES` names it; for a field that no rule makes, its path.
        modelled: What this mapping makes; None if nothing.
        actual: What the parser in SecOps makes; None if nothing.
    """

    field: str
    modelled: Any
    actual: Any


class Comparison:
    """Counts in which fields the two differ.

    Attributes:
        lines: How many lines were compared.
        fields: On how many lines each field differs.
        first: The first line that differs in each field: its number among the lines, and the difference.
    """

    def __init__(self) -> None:
        self.lines = 0
        self.fields: Counter[str] = Counter()
        self.first: dict[str, tuple[int, Difference]] = {}

    def add(self, line: bytes, actual: Event | None, now: datetime) -> None:
        """Compare the events of a line; ``now`` is when the parser ran."""
        self.lines += 1
        record = ndjson.record(line)
        modelled = None if record is None else to_udm(record)
        for difference in differences(modelled, actual, now):
            self.fields[difference.field] += 1
            self.first.setdefault(difference.field, (self.lines, difference))


def differences(modelled: Event | None, actual: Event | None, now: datetime) -> list[Difference]:
    """Return in which fields two events of one line differ.

    Args:
        modelled: The event of `to_udm`, or None if the line has none.
        actual: The event of the parser in SecOps, or None if it makes none.
        now: When that parser ran, in UTC: where it finds no time, it puts in this one.
    """
    if modelled is None or actual is None:
        same = modelled is None and actual is None
        return [] if same else [Difference(NO_EVENT, modelled and "an event", actual and "an event")]
    theirs, ours = dict(_fields(actual)), dict(_fields(modelled))
    if _TIME not in ours and _is_around(theirs.get(_TIME), now):
        theirs.pop(_TIME, None)
    return [
        Difference(_NAMES.get(path, path), ours.get(path), theirs.get(path))
        for path in sorted({*ours, *theirs})
        if ours.get(path) != theirs.get(path)
    ]


def _fields(event: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of each field that the parser makes. A label's path has its key."""
    for name, value in event.items():
        path = f"{above}.{_snake(name)}" if above else _snake(name)
        if path.startswith(_PLATFORM):
            continue
        if isinstance(value, dict):
            yield from _fields(value, path)
        elif isinstance(value, list) and all(isinstance(one, dict) for one in value):
            for one in value:
                if one.keys() == {"key", "value"}:
                    yield f'{path} {{key "{one["key"]}"}}', one["value"]
                else:
                    yield from _fields(one, path)
        else:
            yield path, _in_one_form(value) if path == _TIME else value


def _in_one_form(value: object) -> object:
    try:
        return instants.iso(instants.parse(value).ns)
    except ValueError:
        return value


def _is_around(value: object, now: datetime) -> bool:
    try:
        return abs(instants.parse(value).ns - instants.to_ns(now)) < _AROUND_NOW
    except ValueError:
        return value is None


def _path(udm: str) -> str:
    return udm.replace("[0]", "").replace("[]", "")


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


_NAMES = {_path(rule.udm): rule.udm for rule in RULES}
_TIME = "metadata.event_timestamp"
