"""`repeated_prompts`: one number is called or texted again and again."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from duo_pipeline.masking import mask_phone
from duo_pipeline.usage.finding import Finding, found
from duo_pipeline.usage.numbers import digest
from duo_pipeline.usage.profile import usual_high
from duo_pipeline.usage.rules import HISTORY_DAYS, REPEATED_PROMPTS
from duo_pipeline.usage.seen import Seen, calls_and_texts
from duo_pipeline.usage.windows import busiest

_MINUTE_US = 60_000_000
_SEVERAL = 4
"""So many calls to a number make it busy: the profile of the day names it."""


class _Window(NamedTuple):
    """A window of time.

    Attributes:
        least: So many calls to one number are too many.
        minutes: How long it is.
        before: The most calls to each busy number on each of the days before.
        busy: The same of this day.
    """

    least: float
    minutes: float
    before: list[Mapping[str, int]]
    busy: dict[str, int]


def repeated_prompts(seen: Seen) -> list[Finding]:
    """Return the numbers that got too many calls and texts within minutes or an hour, the most first."""
    limits = seen.thresholds[REPEATED_PROMPTS]
    before = seen.history.days(HISTORY_DAYS)
    by_number, by_hour = [one.busy_numbers for one in before], [one.busy_hours for one in before]
    windows = [
        _Window(limits["calls"], limits["minutes"], by_number, seen.busy.numbers),
        _Window(limits["calls_an_hour"], 60, by_hour, seen.busy.hours),
    ]
    windows = [
        window._replace(least=max(window.least, limits["times_highest"] * _usual_highest(window.before)))
        for window in windows
    ]
    timed = seen.calls[seen.calls["timed"]]
    counts = timed["number"].value_counts()
    several = timed[timed["number"].isin(counts.index[counts >= _SEVERAL])]
    findings: list[tuple[int, Finding]] = []
    for code, rows in several.groupby("number", sort=False):
        phone = seen.lines.phones[int(str(code))]
        key, us = digest(phone), rows["us"].to_numpy()
        over: list[tuple[int, Finding]] = []
        for window in windows if phone else ():
            most, where = busiest(us, int(window.minutes * _MINUTE_US))
            if most >= _SEVERAL:
                window.busy[key] = most
            usual = usual_high(day.get(key, 0) for day in window.before)
            if most >= max(window.least, usual * limits["times_usual"]):
                sentence = (
                    f"{calls_and_texts(most)} went to {mask_phone(phone)} within {window.minutes:g} minutes"
                    " ({span}): somebody may have this user's password and hope for one careless answer."
                )
                over.append((most, found(REPEATED_PROMPTS, key, sentence, seen.lines, rows.iloc[where])))
        findings += over[:1]
    return [one for _, one in sorted(findings, key=lambda pair: -pair[0])]


def _usual_highest(before: list[Mapping[str, int]]) -> float:
    """Return the most calls to any number on a usual day: of many people, some retry more often."""
    return float(np.median([max(day.values(), default=0) for day in before] or [0]))
