"""Days of an account, for the tests of usage."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from duo_pipeline import ndjson
from duo_pipeline.usage.day import Usage, usage_of
from duo_pipeline.usage.lines import LineReader
from duo_pipeline.usage.profile import Profile
from duo_pipeline.usage.rules import DEFAULTS, Thresholds
from tests.records import Sent, sent

DAY = datetime(2026, 11, 23, tzinfo=UTC)
"""A Monday."""
PEOPLE = [f"+1312555{number:04}" for number in range(17, 9000, 311)]


def at(hour: int, minute: float = 0, day: datetime = DAY) -> datetime:
    """Return a time of a day."""
    return day + timedelta(hours=hour, minutes=minute)


def ordinary(day: datetime = DAY, calls_an_hour: int = 4) -> list[Sent]:
    """Return the records of an ordinary day: everybody is called now and then."""
    return [
        sent(at(hour, 7 + 50 * number / calls_an_hour, day), phone=PEOPLE[(hour * 5 + number) % len(PEOPLE)])
        for hour in range(24)
        for number in range(calls_an_hour)
    ]


def usage(
    records: Iterable[Sent],
    before: Sequence[Profile] = (),
    *,
    day: datetime = DAY,
    hours: Iterable[int] = range(24),
    thresholds: Thresholds = DEFAULTS,
) -> Usage:
    """Return the usage of a day with these records."""
    by_hour: dict[datetime, list[bytes]] = {}
    for record in records:
        hour = datetime.fromisoformat(record["ts"]).replace(minute=0, second=0, microsecond=0)
        by_hour.setdefault(hour, []).append(ndjson.line(record))
    reader = LineReader()
    for hour, lines in sorted(by_hour.items()):
        reader.add_hour(hour, lines)
    return usage_of(day.date(), [*hours], reader.read(), before, thresholds)


def month(**of_day: Any) -> list[Profile]:
    """Return the profiles of the 30 ordinary days before `DAY`."""
    days = (DAY - timedelta(days=back) for back in range(30, 0, -1))
    return [usage(ordinary(day, **of_day), day=day).profile for day in days]


def rules_of(found: Usage) -> list[str]:
    """Return the rules that found something."""
    return [one.rule for one in found.findings]


def by_day(profiles: Iterable[Profile]) -> Mapping[date, Profile]:
    """Return profiles by their day."""
    return {one.day: one for one in profiles}
