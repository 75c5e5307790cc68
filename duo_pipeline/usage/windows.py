"""Find what is most crowded within a window of time."""

from collections import Counter
from typing import Any

import numpy as np

Integers = np.ndarray[Any, np.dtype[np.int64]]


def busiest(us: Integers, width_us: int) -> tuple[int, slice]:
    """Return how many of some times are in the busiest window, and which.

    Args:
        us: Times in Unix microseconds, in order; not empty.
        width_us: The width of the window.
    """
    ends = np.searchsorted(us, us + width_us, side="right")
    counts = ends - np.arange(len(us))
    first = int(counts.argmax())
    return int(counts[first]), slice(first, int(ends[first]))


def most_different(us: Integers, values: Integers, width_us: int) -> tuple[int, slice]:
    """Return how many different values are in the window with the most of them, and which rows it has.

    Args:
        us: Times in Unix microseconds, in order; not empty.
        values: A value for each time.
        width_us: The width of the window.
    """
    inside: Counter[int] = Counter()
    most, where, begin = 0, slice(0, 0), 0
    times, all_values = us.tolist(), values.tolist()
    for end, (at, value) in enumerate(zip(times, all_values, strict=True), start=1):
        inside[value] += 1
        while times[begin] < at - width_us:
            left = all_values[begin]
            inside[left] -= 1
            if not inside[left]:
                del inside[left]
            begin += 1
        if len(inside) > most:
            most, where = len(inside), slice(begin, end)
    return most, where
