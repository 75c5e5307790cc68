"""Whether every line of an hour lies in its hour, and stands there once."""

import hashlib
from datetime import datetime
from typing import Any

from duo_pipeline import instants
from duo_pipeline.landing.hour_lines import PlacedLine
from duo_pipeline.landing.line import as_sent, identity
from duo_pipeline.landing.sorter import Row, Sorter
from duo_pipeline.records import time_of


class Placement:
    """Looks at the lines of an hour one by one.

    Args:
        hour: The hour, in UTC.
        objects: How many log objects the hour has.

    Attributes:
        astray: How many lines are of another hour, or of none.
        astray_at: Where the first of them stands.
    """

    def __init__(self, hour: datetime, *, objects: int) -> None:
        self.astray = 0
        self.astray_at = ""
        self._beginning = f"{hour:%Y-%m-%dT%H}:"
        self._start_ns = instants.to_ns(hour)
        self._one_object = objects == 1
        self._sorter = Sorter()

    def look_at(self, line: PlacedLine, record: dict[str, Any] | None) -> None:
        """Take note of a line, and of the JSON object that it is, if it is one."""
        if record is None or not self._is_of_the_hour(record):
            self.astray += 1
            self.astray_at = self.astray_at or f"{line.object}:{line.number}"
            return
        # within one object a record is written in one way; between two it may be in either format
        same = hashlib.sha256(line.text).digest()[:16] if self._one_object else identity(as_sent(record))
        self._sorter.add(Row(0, b"", same, there=True))

    def doubled(self) -> int:
        """Give how many lines stand there once too often, and drop what was noted."""
        doubled = sum(len(rows) - 1 for rows in self._sorter.records())
        self._sorter.close()
        return doubled

    def _is_of_the_hour(self, record: dict[str, Any]) -> bool:
        ts = record.get("ts")
        if isinstance(ts, str) and ts.startswith(self._beginning) and ts.endswith(("+00:00", "Z")):
            return True
        try:
            return 0 <= time_of(record).ns - self._start_ns < instants.HOUR_NS
        except ValueError:
            return False
