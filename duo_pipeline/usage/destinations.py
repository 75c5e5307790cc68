"""`new_country` and `expensive_destination`: where calls go, and what they cost there."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from duo_pipeline.usage.day_view import DayView, calls_and_texts, place
from duo_pipeline.usage.finding import Finding, amount, finding_of, plain
from duo_pipeline.usage.numbers import UNREADABLE
from duo_pipeline.usage.profile import Profile, usual_high
from duo_pipeline.usage.rules import COUNTRY_DAYS, EXPENSIVE_DESTINATION, HISTORY_DAYS, NEW_COUNTRY

_FEW_NUMBERS = 2
"""A traveller or a new colleague has one or two phones; fraud has many numbers."""
_FEWEST_CALLS = 30
"""What a country's calls usually cost is known from so many on."""


def new_countries(view: DayView) -> list[Finding]:
    """Return the countries that are called for the first time in 30 days, the most expensive first."""
    limits = view.thresholds[NEW_COUNTRY]
    days = view.history.days(COUNTRY_DAYS)
    before: Counter[str] = Counter()
    for one in days:
        for country, types in one.prices.items():
            before[country] += sum(price.credits for price in types.values())  # type: ignore[assignment]
    usual = float(np.median([sum(one.credits) for one in days])) if days else 0.0
    spent_today = view.calls.groupby("country", observed=True)["credits"].sum()
    findings = []
    for label, spent in spent_today.sort_values(ascending=False).items():
        country = str(label)
        rows = view.calls[view.calls["country"] == country]
        least = limits["credits_of_few" if rows["number"].nunique() <= _FEW_NUMBERS else "credits"]
        is_new = country != UNREADABLE and before[country] <= limits["credits_before"]
        if is_new and spent >= max(least, limits["share"] * usual):
            sentence = (
                f"{calls_and_texts(len(rows))} went to {place(country)} ({{span}}), a country that was not"
                f" called in the {COUNTRY_DAYS} days before."
            )
            findings.append(finding_of(NEW_COUNTRY, country, sentence, view.lines, rows))
    return findings


def expensive_destinations(view: DayView) -> list[Finding]:
    """Return the calls to numbers of expensive kinds, and those that cost far more than usual."""
    before = view.history.days(HISTORY_DAYS)
    return [*_expensive_kinds(view, before), *_high_prices(view, before)]


def _expensive_kinds(view: DayView, before: list[Profile]) -> Iterator[Finding]:
    limits = view.thresholds[EXPENSIVE_DESTINATION]
    for key, calls in view.expensive.items():
        usual = usual_high(one.expensive.get(key, 0) for one in before)
        if calls >= max(limits["calls"], usual * limits["times_usual"]):
            country, kind = key.split("/")
            rows = view.calls[(view.calls["country"] == country) & (view.calls["kind"] == kind)]
            sentence = (
                f"{calls_and_texts(calls)} went to numbers of the kind '{kind}' in {place(country)} "
                "({span}), which cost far more than others."
            )
            yield finding_of(EXPENSIVE_DESTINATION, key, sentence, view.lines, rows)


def _high_prices(view: DayView, before: list[Profile]) -> Iterator[Finding]:
    limits = view.thresholds[EXPENSIVE_DESTINATION]
    for country, types in view.prices.items():
        for type_ in types:
            known = [price for one in before if (price := one.prices.get(country, {}).get(type_))]
            calls = sum(price.calls for price in known)
            if calls < _FEWEST_CALLS:
                continue
            mean = sum(price.credits for price in known) / calls
            highest = max(usual_high(price.most for price in known), limits["times_usual"] * mean)
            of_type = (view.calls["country"] == country) & (
                view.calls["type"] == view.lines.types.index(type_)
            )
            dear = view.calls[of_type & (view.calls["credits"] > highest)]
            if dear["credits"].sum() - mean * len(dear) >= limits["credits"]:
                sentence = (
                    f"{calls_and_texts(len(dear))} to {place(country)} cost up to"
                    f" {amount(float(dear['credits'].max()), 'credit')} each ({{span}}), where"
                    f" {plain(round(mean, 1))} is usual."
                )
                yield finding_of(EXPENSIVE_DESTINATION, f"{country}/price", sentence, view.lines, dear)
