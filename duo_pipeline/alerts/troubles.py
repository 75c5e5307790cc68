"""Troubles that were told and are not over yet, as the sensor's cursor remembers them."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from duo_pipeline.partitions import HOUR, contiguous, hour_of, hours_between, key_of


@dataclass(slots=True)
class Trouble:
    """Hours of an asset of which somebody was told that they are not done.

    Attributes:
        asset: The asset's key, as ``duo/telephony_ndjson``.
        hours: Them, and those that have followed upon them since.
    """

    asset: str
    hours: set[datetime]


@dataclass(slots=True)
class Memory:
    """What the sensor knows from its earlier ticks.

    Attributes:
        since: When it ticked for the first time, in Unix seconds.
        failures_until: The storage id of the last failure of a run that it has looked at.
        open: The troubles that are not over.
    """

    since: float
    failures_until: int
    open: list[Trouble] = field(default_factory=list)

    @classmethod
    def read(cls, cursor: str) -> Self:
        """Read what `write` has written."""
        found = json.loads(cursor)
        troubles = [Trouble(asset, _hours(ranges)) for asset, ranges in found["open"]]
        return cls(found["since"], found["failures_until"], troubles)

    def write(self) -> str:
        """Write it as text; contiguous hours are named as one range."""
        troubles = [(trouble.asset, _ranges(trouble.hours)) for trouble in self.open]
        return json.dumps({"since": self.since, "failures_until": self.failures_until, "open": troubles})

    def open_anew(self, asset: str, hours: Collection[datetime], left: Collection[datetime]) -> set[datetime]:
        """Open a trouble for hours that no open one has.

        Hours that overlap or touch what is left of an open trouble are the same trouble going on, and join
        it: an outage of ten hours is one.

        Args:
            asset: The asset's key.
            hours: The hours that are not done.
            left: The hours of the asset's open troubles that are not done.

        Returns:
            The hours of the new trouble; none if there is no new one.
        """
        of_asset = [trouble for trouble in self.open if trouble.asset == asset]
        new = set(hours).difference(*(trouble.hours for trouble in of_asset))
        near = {hour + HOUR * step for hour in hours for step in (-1, 0, 1)}
        for trouble in of_asset:
            if near & trouble.hours & set(left):
                trouble.hours |= new
                return set()
        if new:
            self.open.append(Trouble(asset, new))
        return new


def _ranges(hours: Iterable[datetime]) -> list[tuple[str, str]]:
    return [(key_of(first), key_of(last)) for first, last in contiguous(sorted(hours))]


def _hours(ranges: Iterable[tuple[str, str]]) -> set[datetime]:
    return {hour for first, last in ranges for hour in hours_between(hour_of(first), hour_of(last))}
