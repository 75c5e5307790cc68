"""The incidents that were reported and are not over yet, as the sensor's cursor stores them."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from duo_pipeline.defs.partitions import HOUR, contiguous, hour_of, hours_between, key_of


@dataclass(slots=True)
class Incident:
    """Hours of an asset that are not fine, and that a message has reported.

    Attributes:
        asset: The asset's key, as ``duo/telephony_ndjson``.
        hours: The hours of the message, and the hours that have joined since.
        check: The check that finds these hours wrong; empty if they are not done.
    """

    asset: str
    hours: set[datetime]
    check: str = ""


@dataclass(slots=True)
class Memory:
    """What the sensor remembers from its earlier ticks.

    Attributes:
        since: When it ticked for the first time, in Unix seconds.
        failures_until: The storage id of the last failed run that it has looked at.
        open: The incidents that are not over.
    """

    since: float
    failures_until: int
    open: list[Incident] = field(default_factory=list)

    @classmethod
    def read(cls, cursor: str) -> Self:
        """Read what `write` returned; earlier versions wrote incidents without a check."""
        found = json.loads(cursor)
        incidents = [Incident(asset, _hours(ranges), *check) for asset, ranges, *check in found["open"]]
        return cls(found["since"], found["failures_until"], incidents)

    def write(self) -> str:
        """Return the memory as text, with contiguous hours as one range."""
        incidents = [[one.asset, _ranges(one.hours), *filter(None, [one.check])] for one in self.open]
        return json.dumps({"since": self.since, "failures_until": self.failures_until, "open": incidents})

    def hours(self, asset: str, check: str) -> set[datetime]:
        """Return all hours of the open incidents of an asset and a check."""
        return set[datetime]().union(*(one.hours for one in self._of(asset, check)))

    def open_or_join(
        self, asset: str, check: str, hours: Collection[datetime], left: Collection[datetime]
    ) -> set[datetime]:
        """Open an incident for hours that are in no open one.

        Hours that overlap or touch hours of an open incident that are still wrong join it: an outage of ten
        hours is one incident.

        Args:
            asset: The asset's key.
            check: The check that finds the hours wrong; empty if they are not done.
            hours: The hours that are wrong.
            left: The hours of the open incidents of this asset and check that are still wrong.

        Returns:
            The hours of the new incident; empty if there is no new incident.
        """
        new = set(hours) - self.hours(asset, check)
        near = {hour + HOUR * step for hour in hours for step in (-1, 0, 1)}
        for incident in self._of(asset, check):
            if near & incident.hours & set(left):
                incident.hours |= new
                return set()
        if new:
            self.open.append(Incident(asset, new, check))
        return new

    def _of(self, asset: str, check: str) -> list[Incident]:
        return [one for one in self.open if (one.asset, one.check) == (asset, check)]


def _ranges(hours: Iterable[datetime]) -> list[tuple[str, str]]:
    return [(key_of(first), key_of(last)) for first, last in contiguous(sorted(hours))]


def _hours(ranges: Iterable[tuple[str, str]]) -> set[datetime]:
    return {hour for first, last in ranges for hour in hours_between(hour_of(first), hour_of(last))}
