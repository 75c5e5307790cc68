"""Check that every line is in the right hour, and only once."""

import hashlib
from datetime import datetime
from typing import Any

from duo_pipeline import instants
from duo_pipeline.landing.hour_lines import PlacedLine
from duo_pipeline.landing.line import as_sent, fingerprint
from duo_pipeline.landing.sorter import Row, Sorter
from duo_pipeline.records import time_of


class Placement:
    """Counts the lines of an hour that do not belong to it, and those that are in it more than once.

    Args:
        hour: The hour, in UTC.
        objects: How many log objects the hour has.

    Attributes:
        astray: How many lines belong to another hour, or have no time.
        astray_at: The place of the first of them.
    """

    def __init__(self, hour: datetime, *, objects: int) -> None:
        self.astray = 0
        self.astray_at = ""
        self._start_ns = instants.to_ns(hour)
        self._one_object = objects == 1
        self._sorter = Sorter()

    def look_at(self, line: PlacedLine, record: dict[str, Any] | None) -> None:
        """Count a line; ``record`` is its JSON object, or None if it is not one."""
        if record is None or not self._is_of_the_hour(record):
            self.astray += 1
            self.astray_at = self.astray_at or f"{line.object}:{line.number}"
            return
        # within one object a record is always written in the same way; two objects may differ in format
        digest = hashlib.sha256(line.text).digest()[:16] if self._one_object else fingerprint(as_sent(record))
        self._sorter.add(Row(0, b"", digest, existing=True))

    def close(self) -> None:
        """Delete what was collected."""
        self._sorter.close()

    def doubled(self) -> int:
        """Return how many lines repeat another line."""
        return sum(len(rows) - 1 for rows in self._sorter.records())

    def _is_of_the_hour(self, record: dict[str, Any]) -> bool:
        try:
            return 0 <= time_of(record).ns - self._start_ns < instants.HOUR_NS
        except ValueError:
            return False
