"""`repeated_prompts`: one number is called or texted again and again."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from duo_pipeline.masking import mask_phone
from duo_pipeline.usage.day_view import DayView, calls_and_texts
from duo_pipeline.usage.finding import Finding, finding_of
from duo_pipeline.usage.numbers import digest
from duo_pipeline.usage.profile import usual_high
from duo_pipeline.usage.rules import HISTORY_DAYS, REPEATED_PROMPTS

_MINUTE_US = 60_000_000
_DAY_US = 24 * 60 * _MINUTE_US
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


def repeated_prompts(view: DayView) -> list[Finding]:
    """Return the numbers that got too many calls and texts within minutes or an hour, the most first."""
    limits = view.thresholds[REPEATED_PROMPTS]
    before = view.history.days(HISTORY_DAYS)
    by_number, by_hour = [one.busy_numbers for one in before], [one.busy_hours for one in before]
    windows = [
        _Window(limits["calls"], limits["minutes"], by_number, view.busy.numbers),
        _Window(limits["calls_an_hour"], 60, by_hour, view.busy.hours),
    ]
    windows = [
        window._replace(least=max(window.least, limits["times_highest"] * _usual_highest(window.before)))
        for window in windows
    ]
    calls = view.calls[view.calls["timed"] & (view.calls["number"] != view.no_number)]
    calls = calls.sort_values(["number", "us"], kind="stable")
    over: dict[str, tuple[int, Finding]] = {}
    for window in windows:
        for phone, most, rows in _busiest(view, calls, int(window.minutes * _MINUTE_US)):
            key = digest(phone)
            window.busy[key] = most
            usual = usual_high(day.get(key, 0) for day in window.before)
            if most >= max(window.least, usual * limits["times_usual"]) and key not in over:
                sentence = (
                    f"{calls_and_texts(most)} went to {mask_phone(phone)} within {window.minutes:g} minutes"
                    " ({span}): somebody may have this user's password and hope for one careless answer."
                )
                over[key] = most, finding_of(REPEATED_PROMPTS, key, sentence, view.lines, calls.iloc[rows])
    return [one for _, one in sorted(over.values(), key=lambda pair: -pair[0])]


def _busiest(view: DayView, calls: pd.DataFrame, width_us: int) -> Iterator[tuple[str, int, slice]]:
    """Yield each busy number with its calls in the busiest window of time: how many, and which rows.

    Args:
        view: The day.
        calls: Calls in order of number and time.
        width_us: The width of the window.
    """
    if calls.empty:
        return
    numbers, us = calls["number"].to_numpy().astype(np.int64), calls["us"].to_numpy()
    at = numbers * (2 * _DAY_US) + us - us.min()  # so that no window reaches into the next number
    ends = np.searchsorted(at, at + width_us, side="right")
    inside = ends - np.arange(len(at))
    starts = np.flatnonzero(np.diff(numbers, prepend=-1))
    most = np.maximum.reduceat(inside, starts)
    for group in np.flatnonzero(most >= _SEVERAL):
        stop = int(starts[group + 1]) if group + 1 < len(starts) else len(at)
        first = int(starts[group] + inside[starts[group] : stop].argmax())
        yield view.lines.phones[numbers[first]], int(most[group]), slice(first, int(ends[first]))


def _usual_highest(before: list[Mapping[str, int]]) -> float:
    """Return the most calls to any number on a usual day: of many people, some retry more often."""
    return float(np.median([max(day.values(), default=0) for day in before] or [0]))
