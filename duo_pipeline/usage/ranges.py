"""`number_range`: many neighbouring numbers are called."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from duo_pipeline.usage.day_view import DayView, place
from duo_pipeline.usage.finding import Finding, amount, finding_of
from duo_pipeline.usage.profile import HOURS, usual_high
from duo_pipeline.usage.rules import HISTORY_DAYS, NUMBER_RANGE

_GRIDS = ((1000, 0), (1000, 500), (10_000, 0), (10_000, 5000))
"""Ranges of neighbours: their size, and how far they are shifted, so that each cluster is whole in one."""

_MOST_RANGES = 50


class _Range(NamedTuple):
    """A range whose numbers are called: how many of them, its first number, its size, and the calls."""

    numbers: int
    first: int
    size: int
    rows: pd.DataFrame

    def __str__(self) -> str:
        hidden = len(str(self.size)) - 1
        return f"the range +{str(max(self.first, 0))[:-hidden]}{'•' * hidden}"


def number_ranges(view: DayView) -> list[Finding]:
    """Return the countries with ranges of which too many numbers are called within hours, the most first."""
    hours = amount(view.thresholds[NUMBER_RANGE]["hours"], "hour")
    by_country: dict[str, list[_Range]] = defaultdict(list)
    for one in sorted(_ranges(view), key=lambda one: -one.numbers):
        by_country[str(one.rows["country"].iloc[0])].append(one)
    findings = []
    for country, ranges in by_country.items():
        most, rows = ranges[0], pd.concat([one.rows for one in ranges])
        rows = rows[~rows.index.duplicated()].sort_values("us", kind="stable")
        sentence = (
            f"{most.numbers:,} different numbers of {most} in {place(country)} were called or texted"
            f" within {hours} ({{span}}): somebody may earn money from these calls."
        )
        findings.append(finding_of(NUMBER_RANGE, country, sentence, view.lines, rows))
    return findings


def _ranges(view: DayView) -> Iterator[_Range]:
    limits = view.thresholds[NUMBER_RANGE]
    width = int(limits["hours"])
    before = view.history.days(HISTORY_DAYS)
    digits = np.array([one.digits for one in view.lines.numbers], dtype=np.int64)
    in_hour = np.zeros((HOURS, len(digits)), dtype=bool)
    in_hour[view.calls["hour"].to_numpy(), view.calls["number"].to_numpy()] = True
    in_hour[:, digits < 0] = False
    crowded: list[tuple[int, int, int, int]] = []
    windows = [in_hour[start : start + width].any(axis=0) for start in range(max(1, HOURS - width + 1))]
    for size, shift in _GRIDS:
        least = limits["numbers"] if size == _GRIDS[0][0] else limits["numbers_of_10000"]
        fewest = max(2, int(least / limits["times_usual"]))
        blocks, of_number = np.unique((digits + shift) // size, return_inverse=True)
        counts = np.array([np.bincount(of_number[called], minlength=len(blocks)) for called in windows])
        most = counts.max(axis=0)
        for index in np.flatnonzero(most >= fewest):
            block, numbers = int(blocks[index]), int(most[index])
            key = f"{block}/{size}/{shift}"
            view.busy.ranges[key] = numbers
            usual = usual_high(one.busy_ranges.get(key, 0) for one in before)
            if numbers >= max(least, usual * limits["times_usual"]):
                crowded.append((numbers, block * size - shift, size, int(counts[:, index].argmax())))
    for numbers, first, size, start in sorted(crowded, key=lambda one: -one[0])[:_MOST_RANGES]:
        members = np.flatnonzero((digits >= max(first, 0)) & (digits < first + size))
        in_window = view.calls["hour"].between(start, start + width - 1)
        yield _Range(numbers, first, size, view.calls[in_window & view.calls["number"].isin(members)])
