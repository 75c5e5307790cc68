"""Count what SecOps will not show of an hour's lines, and why."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from duo_pipeline import ndjson
from duo_pipeline.udm.finding_types import MALFORMED, FindingType, Issue
from duo_pipeline.udm.rules import RECORD_ID, RULES
from duo_pipeline.udm.shapes import MOST_SHAPES, Shape

FIRST_PLACES = 3
_MOST_PER_TYPE = 20
"""How many issues of one type are counted separately, so that a million unknown keys need no memory."""
_LONGEST_ID = 64


class Place(NamedTuple):
    """The place of a line.

    Attributes:
        object: The log object.
        line: The number of the line in the object, from 1.
        record_id: The id of the record, if it has one.
    """

    object: str
    line: int
    record_id: str | None

    def __str__(self) -> str:
        return f"{self.object}:{self.line}"


def place(object_: str, line: int, record_id: object) -> Place:
    """Return a place; an id that is far too long is cut."""
    return Place(object_, line, record_id[:_LONGEST_ID] if isinstance(record_id, str) else None)


class Finding(NamedTuple):
    """An issue, and the lines that have it."""

    issue: Issue
    lines: int
    places: Sequence[Place]


class FactCount(NamedTuple):
    """How many lines carry a fact, and how many of their events have it.

    Attributes:
        udm: The UDM field of the fact.
        raw: The fields of a line that carry the fact.
        lines: How many lines carry the fact.
        events: How many of their events have the fact.
    """

    udm: str
    raw: str
    lines: int
    events: int


class Findings:
    """Counts the events and the issues of an hour's lines."""

    def __init__(self) -> None:
        self._shapes: Counter[Shape] = Counter()
        self._lines: Counter[Issue] = Counter()
        self._places: dict[Issue, list[Place]] = {}
        self._of_type: Counter[FindingType] = Counter()
        self._facts = [[0, 0] for _ in RULES]
        self._events_by_type: Counter[str] = Counter()
        self._as_sent = 0

    def add(self, shape: Shape, issues: Iterable[Issue], where: Place) -> None:
        """Count a line that has an event.

        Args:
            shape: The shape of the line.
            issues: The issues of the line in addition to those of its shape.
            where: The place of the line.
        """
        self._shapes[shape] += 1
        if shape.issues and self._shapes[shape] <= FIRST_PLACES:
            for issue in shape.issues:
                self._note_place(self._known(issue), where)
        for issue in dict.fromkeys(issues):
            if issue not in shape.issues:
                self._note(issue, where)
        if len(self._shapes) >= MOST_SHAPES:
            self._add_up()

    def malformed(self, object_: str, line: int) -> None:
        """Count a line that is not a JSON object."""
        self._note(Issue(MALFORMED), Place(object_, line, None))

    @property
    def total(self) -> int:
        """Return the number of findings, counted once for each line that has one."""
        return sum(found.lines for found in self.findings())

    @property
    def violations(self) -> int:
        """Return the number of findings that are violations."""
        return sum(found.lines for found in self.findings() if found.issue.type.severity == "violation")

    @property
    def lines(self) -> int:
        """Return the number of lines."""
        return self.events_by_type.total() + self._lines[Issue(MALFORMED)]

    @property
    def events_by_type(self) -> Counter[str]:
        """Return the number of events by UDM type."""
        self._add_up()
        return self._events_by_type

    @property
    def as_sent(self) -> int:
        """Return the number of lines that do not have the fields which the parser needs in addition."""
        self._add_up()
        return self._as_sent

    def findings(self) -> list[Finding]:
        """Return the findings: violations first, then by the number of lines."""
        self._add_up()
        return sorted(
            (Finding(issue, lines, self._places[issue]) for issue, lines in self._lines.items() if lines),
            key=lambda found: (found.issue.type.severity != "violation", -found.lines),
        )

    def fact_counts(self) -> list[FactCount]:
        """Return for each UDM field how many lines carry its fact, and how many events have the fact."""
        self._add_up()
        return [
            FactCount(rule.udm, ", ".join(rule.raw), lines, events)
            for rule, (lines, events) in zip(RULES, self._facts, strict=True)
        ]

    def ndjson_lines(self) -> list[bytes]:
        """Return each finding as a line of NDJSON. Phone numbers are not masked, so write it only to S3."""
        return [
            ndjson.line(
                {
                    "kind": issue.type.name,
                    "severity": issue.type.severity,
                    "finding": issue.sentence,
                    "lines": lines,
                    "first_places": [
                        {"object": place.object, "line": place.line, RECORD_ID: place.record_id}
                        for place in places
                    ],
                }
            )
            for issue, lines, places in self.findings()
        ]

    def _note(self, issue: Issue, where: Place) -> None:
        known = self._known(issue)
        self._lines[known] += 1
        self._note_place(known, where)

    def _known(self, issue: Issue) -> Issue:
        """Return the issue to count: the given one, or ``others`` if its type already has too many."""
        if issue not in self._places:
            if self._of_type[issue.type] >= _MOST_PER_TYPE:
                issue = Issue(issue.type, "others")
            self._of_type[issue.type] += 1
            self._places.setdefault(issue, [])
        return issue

    def _note_place(self, issue: Issue, where: Place) -> None:
        places = self._places[issue]
        if len(places) < FIRST_PLACES and where not in places:
            places.append(where)

    def _add_up(self) -> None:
        """Add the counts of the shapes to the totals."""
        for shape, lines in self._shapes.items():
            self._events_by_type[shape.event_type] += lines
            self._as_sent += lines * shape.as_sent
            for issue in shape.issues:
                self._lines[self._known(issue)] += lines
            for counts, (carried, kept) in zip(self._facts, shape.facts, strict=True):
                counts[0] += lines * carried
                counts[1] += lines * kept
        self._shapes.clear()
