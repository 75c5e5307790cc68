"""`number_range`: many neighbouring numbers are called."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from duo_pipeline.usage.finding import Finding, amount, found
from duo_pipeline.usage.profile import usual_high
from duo_pipeline.usage.rules import HISTORY_DAYS, NUMBER_RANGE
from duo_pipeline.usage.seen import Array, Seen, place
from duo_pipeline.usage.windows import most_different

_HOUR_US = 3_600_000_000
_GRIDS = ((1000, 0), (1000, 500), (10_000, 0), (10_000, 5000))
"""Ranges of neighbours: their size, and how far they are shifted, so that each cluster is whole in one."""


class _Range(NamedTuple):
    """A range whose numbers are called: how many of them, its first number, its size, and the calls."""

    numbers: int
    first: int
    size: int
    rows: pd.DataFrame

    def __str__(self) -> str:
        hidden = len(str(self.size)) - 1
        return f"the range +{str(max(self.first, 0))[:-hidden]}{'•' * hidden}"


def number_ranges(seen: Seen) -> list[Finding]:
    """Return the countries with ranges of which too many numbers are called within hours, the most first."""
    hours = amount(seen.thresholds[NUMBER_RANGE]["hours"], "hour")
    by_country: dict[str, list[_Range]] = defaultdict(list)
    for one in sorted(_ranges(seen), key=lambda one: -one.numbers):
        by_country[str(one.rows["country"].iloc[0])].append(one)
    findings = []
    for country, ranges in by_country.items():
        most, rows = ranges[0], pd.concat([one.rows for one in ranges])
        rows = rows[~rows.index.duplicated()].sort_values("us", kind="stable")
        sentence = (
            f"{most.numbers:,} different numbers of {most} in {place(country)} were called or texted"
            f" within {hours} ({{span}}): somebody may earn money from these calls."
        )
        findings.append(found(NUMBER_RANGE, country, sentence, seen.lines, rows))
    return findings


def _ranges(seen: Seen) -> Iterator[_Range]:
    limits = seen.thresholds[NUMBER_RANGE]
    before = seen.history.days(HISTORY_DAYS)
    readable = seen.calls[seen.calls["digits"] >= 0]
    us, numbers, digits = (readable[name].to_numpy() for name in ("us", "number", "digits"))
    for size, shift in _GRIDS:
        least = limits["numbers"] if size == _GRIDS[0][0] else limits["numbers_of_10000"]
        fewest = max(2, int(least / limits["times_usual"]))
        for block, rows in _crowded((digits + shift) // size, numbers, fewest):
            most, where = most_different(us[rows], numbers[rows], int(limits["hours"] * _HOUR_US))
            key = f"{block}/{size}/{shift}"
            if most >= fewest:
                seen.busy.ranges[key] = most
            usual = usual_high(one.busy_ranges.get(key, 0) for one in before)
            if most >= max(least, usual * limits["times_usual"]):
                yield _Range(most, block * size - shift, size, readable.iloc[rows[where]])


def _crowded(blocks: Array, numbers: Array, fewest: int) -> Iterator[tuple[int, Array]]:
    """Yield each block that has several different numbers, with its rows in order of time.

    Args:
        blocks: The block of each row; the rows are in order of time.
        numbers: The number of each row.
        fewest: How many different numbers are several.
    """
    different = pd.DataFrame({"block": blocks, "number": numbers}).drop_duplicates()["block"].value_counts()
    rows = np.flatnonzero(np.isin(blocks, different.index[different >= fewest].to_numpy()))
    rows = rows[np.argsort(blocks[rows], kind="stable")]
    starts = np.flatnonzero(np.diff(blocks[rows], prepend=-1))
    for of_block in np.split(rows, starts[1:]) if len(rows) else ():
        yield int(blocks[of_block[0]]), of_block
