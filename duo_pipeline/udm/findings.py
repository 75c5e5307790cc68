"""What SecOps will not show of an hour's lines, and why."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from duo_pipeline.udm.mapping import Event

MALFORMED = "not one JSON object: the parser drops the line"
NO_EVENT_TIME = "no event time: SecOps puts in the time of parsing"
CREDITS_LOST = "credits lost: the parser drops a number"
NO_HOST = "no host: the event becomes a GENERIC_EVENT"


class Findings:
    """Counts what is lost between the lines of an hour and its events.

    Attributes:
        total: How many findings there are.
        events_by_type: How many events there are, by their UDM type.
    """

    def __init__(self) -> None:
        self.total = 0
        self.events_by_type: Counter[str] = Counter()
        self._lines: Counter[str] = Counter()
        self._first_place: dict[str, str] = {}

    def malformed(self, place: str) -> None:
        """Count a line that is no JSON object."""
        self._add(MALFORMED, place)

    def event(self, record: Mapping[str, Any], event: Event, place: str) -> None:
        """Compare a line with its event."""
        metadata = event["metadata"]
        self.events_by_type[metadata["eventType"]] += 1
        if "eventTimestamp" not in metadata:
            self._add(NO_EVENT_TIME, place)
        if "credits" in record and not isinstance(record["credits"], str):
            self._add(CREDITS_LOST, place)
        if metadata["eventType"] == "GENERIC_EVENT":
            self._add(NO_HOST, place)

    def table(self) -> pd.DataFrame:
        """Give a row for each kind: ``finding``, ``lines``, ``first_place`` (object and line number)."""
        rows = [(finding, lines, self._first_place[finding]) for finding, lines in self._lines.most_common()]
        return pd.DataFrame(rows, columns=["finding", "lines", "first_place"])

    def _add(self, finding: str, place: str) -> None:
        self.total += 1
        self._lines[finding] += 1
        self._first_place.setdefault(finding, place)
