"""Whether every line of an hour lies in its hour, and stands there once."""

import json
from datetime import datetime

from duo_pipeline import instants
from duo_pipeline.landing.hour_lines import PlacedLine
from duo_pipeline.landing.line import identity
from duo_pipeline.landing.sorter import Row, Sorter


class Placement:
    """Looks at the lines of an hour one by one.

    Args:
        hour: The hour, in UTC.

    Attributes:
        astray: How many lines are of another hour, or of none.
        astray_at: Where the first of them stands.
    """

    def __init__(self, hour: datetime) -> None:
        self.astray = 0
        self.astray_at = ""
        self._start = instants.to_ns(hour)
        self._sorter = Sorter()

    def look_at(self, line: PlacedLine) -> None:
        """Take note of a line."""
        try:
            record = json.loads(line.text)
            ns = instants.parse(record["ts"]).ns
            row = Row(ns, b"", identity(record), there=True)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            ns = -1
        if 0 <= ns - self._start < instants.HOUR_NS:
            self._sorter.add(row)
        else:
            self.astray += 1
            self.astray_at = self.astray_at or f"{line.object}:{line.number}"

    def doubled(self) -> int:
        """Give how many lines stand there once too often, and drop what was noted."""
        doubled = sum(len(rows) - 1 for rows in self._sorter.records())
        self._sorter.close()
        return doubled
