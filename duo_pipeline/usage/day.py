"""The usage of a day, and its findings."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from duo_pipeline import ndjson
from duo_pipeline.usage import destinations, prompts, ranges
from duo_pipeline.usage import hours as of_hours
from duo_pipeline.usage.day_view import DayView
from duo_pipeline.usage.finding import Finding, plain
from duo_pipeline.usage.lines import DayLines
from duo_pipeline.usage.numbers import UNREADABLE
from duo_pipeline.usage.profile import HOURS, History, Profile
from duo_pipeline.usage.rules import (
    COUNTRY_DAYS,
    DEFAULTS,
    ENROLLMENT_BURST,
    EXPENSIVE_DESTINATION,
    NEW_COUNTRY,
    NUMBER_RANGE,
    REPEATED_PROMPTS,
    RULES,
    SPIKE,
    Thresholds,
)

_DETECTORS: Mapping[str, Callable[[DayView], list[Finding]]] = {
    REPEATED_PROMPTS: prompts.repeated_prompts,
    NUMBER_RANGE: ranges.number_ranges,
    NEW_COUNTRY: destinations.new_countries,
    EXPENSIVE_DESTINATION: destinations.expensive_destinations,
    SPIKE: of_hours.spike,
    ENROLLMENT_BURST: of_hours.enrollment_burst,
}
_MOST_FINDINGS = 20
"""Of one rule on one day: an attack on a thousand users needs no thousand alerts."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The usage of a day.

    Attributes:
        day: The day, in UTC.
        rows: By hour, type, context and country: the calls, the credits, the different numbers.
        numbers: How many different numbers were called.
        findings: What looks like abuse.
        off: Why each rule that could not be applied is off.
        profile: What later days need to know.
        unreadable_numbers: The calls and texts whose number cannot be read.
        unreadable_lines: How many lines are not a JSON object.
        changed: How many lines repeat a record that Duo has changed.
        without_credits: The records without a readable number of credits.
    """

    day: date
    rows: pd.DataFrame
    numbers: int
    findings: Sequence[Finding]
    off: Mapping[str, str]
    profile: Profile
    unreadable_numbers: int
    unreadable_lines: int
    changed: int
    without_credits: int

    @property
    def calls(self) -> int:
        """How many calls and texts the day had."""
        return int(self.rows["calls"].sum())

    @property
    def credits(self) -> float | int:
        """What they cost."""
        return plain(float(self.rows["credits"].sum()))

    @property
    def missing_hours(self) -> list[int]:
        """The hours of the day that had not landed."""
        return [hour for hour in range(HOURS) if hour not in self.profile.hours]

    def by(self, *names: str) -> list[dict[str, Any]]:
        """Return the calls and the credits by some of hour, type, context and country; the most first."""
        table = self.rows.groupby(list(names), sort=False)[["calls", "credits"]].sum()
        table = table.sort_values(["credits", "calls"], ascending=False).reset_index()
        return [{**row, "credits": plain(row["credits"])} for row in _dicts(table)]

    def lines(self) -> Iterable[bytes]:
        """Yield the rows as lines of NDJSON."""
        for row in _dicts(self.rows):
            yield ndjson.line(
                {
                    **row,
                    "hour": f"{self.day.isoformat()}T{row['hour']:02}:00:00Z",
                    "credits": plain(row["credits"]),
                }
            )

    def finding_lines(self) -> Iterable[bytes]:
        """Yield the findings as lines of NDJSON."""
        return (ndjson.line(one.to_json()) for one in self.findings)


def usage_of(
    day: date,
    hours: Sequence[int],
    lines: DayLines,
    before: Iterable[Profile] = (),
    thresholds: Thresholds = DEFAULTS,
) -> Usage:
    """Return the usage and the findings of a day.

    Args:
        day: The day, in UTC.
        hours: The hours of the day that have landed, 0 to 23.
        lines: Its lines.
        before: The profiles of the days before, as far as there are any.
        thresholds: The thresholds of the rules.
    """
    view = DayView(day, lines, History(day, before), thresholds)
    known = len(view.history.days(COUNTRY_DAYS))
    findings, off = list[Finding](), dict[str, str]()
    for name, detect in _DETECTORS.items():
        of_rule, needed = detect(view), RULES[name].needs_days
        if known >= needed:
            findings += of_rule[:_MOST_FINDINGS]
        else:  # it was applied all the same: what it found busy is in the profile
            off[name] = f"is off: it needs {needed} earlier days to compare with, and {known} are known"
    return Usage(
        day,
        _rows(view.calls, lines),
        int(view.calls.loc[view.calls["digits"] >= 0, "number"].nunique()),
        findings,
        off,
        view.profile(list(hours), list(dict.fromkeys(one.rule for one in findings))),
        int((view.calls["country"] == UNREADABLE).sum()),
        lines.unreadable,
        lines.changed,
        lines.without_credits,
    )


def _rows(calls: pd.DataFrame, lines: DayLines) -> pd.DataFrame:
    grouped = calls.groupby(["hour", "type", "context", "country"], observed=True)
    rows = grouped.agg(
        calls=("credits", "size"), credits=("credits", "sum"), numbers=("number", "nunique")
    ).reset_index()
    return rows.assign(
        type=pd.Series([lines.types[code] for code in rows["type"]], dtype=object),
        context=pd.Series([lines.contexts[code] for code in rows["context"]], dtype=object),
        country=rows["country"].astype(object),
    )


def _dicts(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
