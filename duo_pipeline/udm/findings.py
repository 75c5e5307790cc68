"""What SecOps will not show of an hour's lines, and why."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from duo_pipeline import ndjson
from duo_pipeline.udm.finding_types import MALFORMED, FindingType, Issue
from duo_pipeline.udm.holes import ABSENT
from duo_pipeline.udm.rules import RULES
from duo_pipeline.udm.template import FORM, Template, template

FIRST_PLACES = 3
_MOST_FORMS = 4096
_MOST_OF_A_TYPE = 20
"""So many values or keys that nobody knew are told apart; a million of them need no memory."""
_LONGEST_ID = 64

FormKey = tuple[Any, ...] | str


class Place(NamedTuple):
    """Where a line stands.

    Attributes:
        object: The log object.
        line: The line's number in it, from 1.
        telephony_id: The record's id, if it has one.
    """

    object: str
    line: int
    telephony_id: str | None

    def __str__(self) -> str:
        return f"{self.object}:{self.line}"


def place(object_: str, line: int, telephony_id: object) -> Place:
    """Make a place; of an id that is far too long for one, the beginning tells enough."""
    return Place(object_, line, telephony_id[:_LONGEST_ID] if isinstance(telephony_id, str) else None)


class Finding(NamedTuple):
    """What was found of one or more lines."""

    issue: Issue
    lines: int
    places: Sequence[Place]


class FactCount(NamedTuple):
    """How a fact fared.

    Attributes:
        udm: The UDM field.
        raw: The fields of a line that carry it.
        lines: How many lines carry it.
        events: How many of their events have it.
    """

    udm: str
    raw: str
    lines: int
    events: int


class Form:
    """A form of event, and how many lines of the hour have it.

    Attributes:
        issues: What is found of each of its lines.
        lines: How many lines have come since they were added up last.
        places_wanted: How many more of its lines are to be told to `Findings.note`.
    """

    __slots__ = ("as_sent", "issues", "lines", "pieces", "places_wanted", "template")

    def __init__(self, of: Template, values: Sequence[Any], issues: Sequence[Issue]) -> None:
        self.template = of
        self.pieces = of.pieces
        self.issues = issues
        self.lines = 0
        self.places_wanted = FIRST_PLACES if issues else 0
        _, _, eventtype, host, _ = values
        self.as_sent = host is ABSENT and eventtype is ABSENT


class Findings:
    """Counts what becomes of the lines of an hour.

    Attributes:
        forms: The forms of event seen of late; `event_lines` counts their lines here.
    """

    def __init__(self) -> None:
        self.forms: dict[FormKey, Form] = {}
        self._lines: Counter[Issue] = Counter()
        self._places: dict[Issue, list[Place]] = {}
        self._of_type: Counter[FindingType] = Counter()
        self._facts = [[0, 0] for _ in RULES]
        self._events_by_type: Counter[str] = Counter()
        self._as_sent = 0

    def form(self, values: Sequence[Any], fates: Sequence[int]) -> Form:
        """Give a form, made anew if there is none.

        Args:
            values: Of the fields of `FORM`.
            fates: What becomes of the facts that differ from line to line.
        """
        # 1, 1.0 and true are equal, and lists cannot be keys: only plain texts are looked up as they are
        plain = all(map(_is_plain, FORM, values))
        key = form_key(*values, *fates) if plain else repr((values, fates))
        form = self.forms.get(key)
        if form is None:
            if len(self.forms) >= _MOST_FORMS:
                self._add_up()
                self.forms.clear()
            made = _template(key, values, fates)
            form = self.forms[key] = Form(made, values, [self._known(issue) for issue in made.issues])
        return form

    def malformed(self, object_: str, line: int) -> None:
        """Count a line that is no JSON object."""
        self.note([Issue(MALFORMED)], Place(object_, line, None))

    def note(self, issues: Iterable[Issue], where: Place, form: Form | None = None) -> None:
        """Count what is found of one line; of its form, which counts for itself, the place alone."""
        for issue in issues:
            known = self._known(issue)
            self._lines[known] += 1
            self._note_place(known, where)
        if form is not None and form.places_wanted:
            form.places_wanted -= 1
            for issue in form.issues:
                self._note_place(issue, where)

    @property
    def total(self) -> int:
        """How many findings there are."""
        return sum(found.lines for found in self.findings())

    @property
    def violations(self) -> int:
        """How many of them are violations."""
        return sum(found.lines for found in self.findings() if found.issue.type.severity == "violation")

    @property
    def lines(self) -> int:
        """How many lines there were."""
        return self.events_by_type.total() + self._lines[Issue(MALFORMED)]

    @property
    def events_by_type(self) -> Counter[str]:
        """How many events there are, by their UDM type."""
        self._add_up()
        return self._events_by_type

    @property
    def as_sent(self) -> int:
        """How many lines stand as Duo sent them: what the parser needs was not added."""
        self._add_up()
        return self._as_sent

    def findings(self) -> list[Finding]:
        """Give what was found: violations first, then by the number of lines."""
        self._add_up()
        return sorted(
            (Finding(issue, lines, self._places[issue]) for issue, lines in self._lines.items() if lines),
            key=lambda found: (found.issue.type.severity != "violation", -found.lines),
        )

    def fact_counts(self) -> list[FactCount]:
        """Give for each UDM field of the table how many lines carry its fact, and how many events have it."""
        self._add_up()
        return [
            FactCount(rule.udm, ", ".join(rule.raw), lines, events)
            for rule, (lines, events) in zip(RULES, self._facts, strict=True)
        ]

    def ndjson_lines(self) -> list[bytes]:
        """Give each finding as a line of NDJSON. No phone number is masked: it is for S3 alone."""
        return [
            ndjson.line(
                {
                    "kind": issue.type.name,
                    "severity": issue.type.severity,
                    "finding": issue.sentence,
                    "lines": lines,
                    "first_places": [where._asdict() for where in places],
                }
            )
            for issue, lines, places in self.findings()
        ]

    def _known(self, issue: Issue) -> Issue:
        """Give the issue that it is counted as; beyond so many of a kind, they are counted together."""
        if issue not in self._places:
            if self._of_type[issue.type] >= _MOST_OF_A_TYPE:
                issue = Issue(issue.type, "others")
            self._of_type[issue.type] += 1
            self._places.setdefault(issue, [])
        return issue

    def _note_place(self, issue: Issue, where: Place) -> None:
        places = self._places[issue]
        if len(places) < FIRST_PLACES and where not in places:
            places.append(where)

    def _add_up(self) -> None:
        """Add up what was counted by form."""
        for form in self.forms.values():
            if not form.lines:
                continue
            self._events_by_type[form.template.event_type] += form.lines
            self._as_sent += form.lines * form.as_sent
            for issue in form.issues:
                self._lines[issue] += form.lines
            for counts, (carried, kept) in zip(self._facts, form.template.facts, strict=True):
                counts[0] += form.lines * carried
                counts[1] += form.lines * kept
            form.lines = 0


def form_key(context: Any, cost: Any, *others: Any) -> FormKey:  # noqa: ANN401 - any JSON
    """Give the key of a form; all whole numbers of credits are one, since they are dropped."""
    return (context, int if type(cost) is int else cost, *others)


_templates: dict[FormKey, Template] = {}


def _template(key: FormKey, values: Sequence[Any], fates: Sequence[int]) -> Template:
    """Make a template once for all hours."""
    known = _templates.get(key)
    if known is None:
        if len(_templates) >= _MOST_FORMS:
            _templates.clear()
        known = _templates[key] = template(values, fates)
    return known


def _is_plain(field: str, value: Any) -> bool:  # noqa: ANN401 - any JSON
    kind = type(value)
    return kind is str or value is None or value is ABSENT or (field == "credits" and kind is int)
