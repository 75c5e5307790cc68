"""What later days need to know of a day: small, and without phone numbers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np

VERSION = 1
HOURS = 24


@dataclass(frozen=True, slots=True)
class Price:
    """The calls of a type to a country: how many, their credits together, and the most of one call."""

    calls: int
    credits: float
    most: float


@dataclass(frozen=True, slots=True)
class Profile:
    """A day as later days see it.

    Attributes:
        day: The day, in UTC.
        hours: The hours that had landed when it was made.
        credits: The credits of each of the 24 hours.
        enrollments: The enrolments of each hour.
        prices: By country and type.
        expensive: The calls to expensive kinds of numbers, by country and kind.
        busy_numbers: The most calls within minutes of each number that got several, by digest.
        busy_hours: The same within an hour.
        busy_ranges: The most different numbers within hours of each range that had several.
        found: The rules that found something.
    """

    day: date
    hours: Sequence[int]
    credits: Sequence[float]
    enrollments: Sequence[int]
    prices: Mapping[str, Mapping[str, Price]]
    expensive: Mapping[str, int] = field(default_factory=dict)
    busy_numbers: Mapping[str, int] = field(default_factory=dict)
    busy_hours: Mapping[str, int] = field(default_factory=dict)
    busy_ranges: Mapping[str, int] = field(default_factory=dict)
    found: Sequence[str] = ()

    @property
    def known_credits(self) -> list[float | None]:
        """The credits of each hour, with None for an hour that had not landed."""
        return [value if hour in self.hours else None for hour, value in enumerate(self.credits)]

    def to_json(self) -> dict[str, Any]:
        """Return the profile as a JSON object."""
        return {"version": VERSION, **asdict(self), "day": self.day.isoformat()}


def profile_from(value: Mapping[str, Any] | None) -> Profile | None:
    """Return the profile of a `Profile.to_json` value, or None for that of another version, or of nothing."""
    if value is None or value.get("version") != VERSION:
        return None
    fields = {name: given for name, given in value.items() if name != "version"}
    fields["day"] = date.fromisoformat(fields["day"])
    fields["prices"] = {
        country: {type_: Price(**price) for type_, price in types.items()}
        for country, types in fields["prices"].items()
    }
    return Profile(**fields)


class History:
    """The days before a day.

    Args:
        day: The day.
        before: The profiles that there are of earlier days, in any order.
    """

    def __init__(self, day: date, before: Iterable[Profile]) -> None:
        self._day = day
        self._by_day = {one.day: one for one in before if one.day < day}

    def days(self, count: int) -> list[Profile]:
        """Return the profiles of the last ``count`` days that have any hour, newest first."""
        wanted = (self._by_day.get(self._day - timedelta(days=back)) for back in range(1, count + 1))
        return [one for one in wanted if one is not None and one.hours]

    def same_hours(self, name: str, *, neighbours: bool = False) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return the values of the same hour of the week in the four weeks before.

        Args:
            name: ``credits`` or ``enrollments``.
            neighbours: Whether to return those of the hours next to it as well.

        Returns:
            One row for each hour of the day, with NaN for each hour that had not landed.
        """
        weeks = [self._by_day.get(self._day - timedelta(weeks=back)) for back in range(1, 5)]
        table = np.full((len(weeks), HOURS + 2), np.nan)
        for row, one in zip(table, weeks, strict=True):
            if one is not None:
                landed = list(one.hours)
                row[1:-1][landed] = np.asarray(getattr(one, name), dtype=float)[landed]
        shifts = range(3) if neighbours else (1,)
        return np.concatenate([table[:, shift : shift + HOURS] for shift in shifts]).T


def usual_high(values: Iterable[float]) -> float:
    """Return the third highest of the values of earlier days: two days of an attack do not change it."""
    return sorted([*values, 0, 0, 0], reverse=True)[2]
