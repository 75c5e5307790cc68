"""A finding, and the part of a day that shows it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from duo_pipeline.usage.lines import IDS, DayLines
from duo_pipeline.usage.rules import RULES

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_IDS = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that looks like abuse. Phone numbers in it are masked.

    Attributes:
        rule: The name of the rule that found it.
        about: What tells it from the other findings of the rule and the day: a country, or the digest of a
            number; empty if the rule has one finding a day.
        sentence: What was seen, in one sentence.
        calls: How many calls and texts show it.
        credits: What these cost.
        numbers: To how many different numbers they went.
        first: The time of the first one, in UTC; None if it is not about calls.
        last: The time of the last one.
        ids: The ids of their records, the first thousand of them.
    """

    rule: str
    about: str
    sentence: str
    calls: int = 0
    credits: float = 0.0
    numbers: int = 0
    first: datetime | None = None
    last: datetime | None = None
    ids: tuple[str, ...] = ()

    @property
    def advice(self) -> str:
        """What to do about it."""
        return RULES[self.rule].advice

    def to_json(self) -> dict[str, Any]:
        """Return the finding as a JSON object."""
        return {
            "rule": self.rule,
            "about": self.about,
            "sentence": self.sentence,
            "advice": self.advice,
            "calls": self.calls,
            "credits": plain(self.credits),
            "numbers": self.numbers,
            "first": self.first and self.first.isoformat(timespec="seconds"),
            "last": self.last and self.last.isoformat(timespec="seconds"),
            IDS: list(self.ids),
        }


def finding_of(rule: str, about: str, sentence: str, lines: DayLines, rows: pd.DataFrame) -> Finding:
    """Return the finding that some rows of a day show.

    Args:
        rule: The name of the rule.
        about: What tells it from the rule's other findings.
        sentence: What was seen; ``{span}`` in it becomes the times and the credits.
        lines: The day.
        rows: Those of its calls that show it, in order of time.
    """
    first, last = moment(int(rows["us"].iloc[0])), moment(int(rows["us"].iloc[-1]))
    spent = float(rows["credits"].sum())
    return Finding(
        rule,
        about,
        sentence.replace("{span}", f"{first:%H:%M} to {last:%H:%M} UTC, {amount(spent, 'credit')}"),
        len(rows),
        spent,
        int(rows["number"].nunique()),
        first,
        last,
        tuple(id_ for row in rows.index[:_MOST_IDS] if (id_ := lines.ids[row])),
    )


def moment(us: int) -> datetime:
    """Return the time of Unix microseconds, in UTC."""
    return _EPOCH + timedelta(microseconds=us)


def plain(value: float) -> float | int:
    """Return a number without a fraction of zero."""
    return int(value) if value == int(value) else round(value, 2)


def amount(value: float, noun: str) -> str:
    """Return a number and its noun, as in ``1 credit`` and ``1,200 credits``."""
    return f"{plain(value):,} {noun}{'' if value == 1 else 's'}"
