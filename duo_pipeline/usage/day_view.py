"""A day as the rules see it: its calls with their countries, what is usual, and the thresholds."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import phonenumbers

from duo_pipeline.usage.lines import ENROLLMENT, DayLines
from duo_pipeline.usage.numbers import EXPENSIVE, WORLDWIDE
from duo_pipeline.usage.profile import HOURS, History, Price, Profile
from duo_pipeline.usage.rules import Thresholds

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(slots=True)
class Busy:
    """What was busy on a day, by digest of the number, or by range; the rules fill it in for the profile."""

    numbers: dict[str, int] = field(default_factory=dict)
    hours: dict[str, int] = field(default_factory=dict)
    ranges: dict[str, int] = field(default_factory=dict)


@dataclass
class DayView:
    """A day as the rules see it.

    Attributes:
        day: The day, in UTC.
        lines: Its lines.
        history: The days before.
        thresholds: The thresholds.
        busy: What the rules found busy.
    """

    day: date
    lines: DayLines
    history: History
    thresholds: Thresholds
    busy: Busy = field(default_factory=Busy)

    @cached_property
    def calls(self) -> pd.DataFrame:
        """The calls with their ``country``, the ``kind`` of their number, and its ``digits``."""
        known = self.lines.numbers
        of_call = self.lines.calls["number"].to_numpy()
        digits = np.array([one.digits for one in known], dtype=np.int64)
        return self.lines.calls.assign(
            country=_categories((one.country for one in known), of_call),
            kind=_categories((one.kind for one in known), of_call),
            digits=digits[of_call],
        )

    @property
    def no_number(self) -> int:
        """The code of the number of calls that have none."""
        return self.lines.phones.index("") if "" in self.lines.phones else -1

    @property
    def enrollment_calls(self) -> pd.DataFrame:
        """The calls of enrolments."""
        contexts = self.lines.contexts
        return self.calls[
            self.calls["context"] == (contexts.index(ENROLLMENT) if ENROLLMENT in contexts else -1)
        ]

    @cached_property
    def enrollments(self) -> Array:
        """The enrolments of each hour."""
        return np.bincount(self.enrollment_calls["hour"], minlength=HOURS)

    @cached_property
    def credits(self) -> Array:
        """The credits of each hour."""
        return np.bincount(self.calls["hour"], self.calls["credits"], minlength=HOURS)

    @cached_property
    def expensive(self) -> dict[str, int]:
        """The calls to numbers of expensive kinds, by country and kind."""
        dear = self.calls[self.calls["kind"].isin(EXPENSIVE)]
        pairs = dear["country"].astype(str) + "/" + dear["kind"].astype(str)
        return {str(pair): int(calls) for pair, calls in pairs.value_counts().items()}

    @cached_property
    def prices(self) -> dict[str, dict[str, Price]]:
        """What calls cost, by country and type."""
        table = self.calls.groupby(["country", "type"], observed=True)["credits"].agg(["size", "sum", "max"])
        prices: dict[str, dict[str, Price]] = {}
        for (country, type_), (calls, spent, most) in zip(table.index, table.to_numpy(), strict=True):
            price = Price(int(calls), float(spent), float(most))
            prices.setdefault(str(country), {})[self.lines.types[type_]] = price
        return prices

    def profile(self, hours: list[int], rules: list[str]) -> Profile:
        """Return what later days need to know of this one; call it after the rules.

        Args:
            hours: The hours that have landed.
            rules: The rules that found something.
        """
        return Profile(
            self.day,
            hours,
            [float(value) for value in self.credits],
            [int(value) for value in self.enrollments],
            self.prices,
            self.expensive,
            self.busy.numbers,
            self.busy.hours,
            self.busy.ranges,
            rules,
        )


def calls_and_texts(count: int) -> str:
    """Return ``1 call or text``, or ``1,200 calls and texts``."""
    return "1 call or text" if count == 1 else f"{count:,} calls and texts"


def place(country: str) -> str:
    """Return a country with its calling code: ``SO (+252)``."""
    if country == WORLDWIDE:
        return "no single country (satellite or worldwide networks)"
    code = phonenumbers.country_code_for_region(country)
    return f"{country} (+{code})" if code else f"an {country} country"


def _categories(texts: Iterable[str], of_call: Array) -> "pd.Categorical[Any]":
    codes, names = pd.factorize(np.array([*texts], dtype=object))
    return pd.Categorical.from_codes(codes[of_call].astype(np.int64), pd.Index(names, dtype=object))
