"""How far a query has come, for people who watch a backfill."""

import time
from collections.abc import Callable

from duo_pipeline.instants import Instant


class Progress:
    """Reports a line for each page.

    Args:
        say: Takes the line.
        monotonic: Seconds of a clock that never jumps.
    """

    def __init__(self, say: Callable[[str], None], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._monotonic = monotonic
        self._began = monotonic()
        self._pages = 0

    def page(self, received: int, total: int | None, reached: Instant | None) -> None:
        """Report how many records have come, up to which hour, and how long the rest may take.

        Args:
            received: How many records have come.
            total: How many Duo counts, if it gives a count.
            reached: The time of the last record, if one has come.
        """
        self._pages += 1
        line = f"Page {self._pages}: {received:,}"
        share = 0.0
        if total is None:
            line += " records"
        else:
            share = min(received / total, 1) if total else 1.0
            line += f" of {total:,} records ({share:.0%})"
        if reached:
            line += f", up to {reached.utc[:13].replace('T', ' ')}:00 UTC"
        if 0 < share < 1:
            left = (self._monotonic() - self._began) * (1 - share) / share
            line += f", about {_duration(left)} left" if left >= 1 else ""
        self._say(line)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
