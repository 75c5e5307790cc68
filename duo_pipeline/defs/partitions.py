"""The hours as Dagster's partitions, and which of them can be read now."""

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

import dagster as dg

from duo_pipeline.config.settings import HOUR_FORMAT, HourSettings

HOUR = timedelta(hours=1)
T = TypeVar("T", datetime, date)
_NAMED_RANGES = 5
DUO_HISTORY = timedelta(days=180)
"""Duo refuses older hours. We stay an hour below the limit, because Duo's clock may be ahead of ours."""


def hourly(start: datetime) -> dg.HourlyPartitionsDefinition:
    """Return one partition for each hour since ``start``, in UTC: local time doubles and drops hours."""
    return dg.HourlyPartitionsDefinition(start_date=start.strftime(HOUR_FORMAT), timezone="UTC")


def key_of(hour: datetime) -> str:
    """Return the partition key of an hour: ``2026-11-23-05:00``."""
    return hour.strftime(HOUR_FORMAT)


def hour_of(key: str) -> datetime:
    """Return the start of the hour that a partition key names, in UTC."""
    return datetime.strptime(key, HOUR_FORMAT).replace(tzinfo=UTC)


def whole_hour(moment: datetime) -> datetime:
    """Return the start of the hour that contains a moment."""
    return moment.replace(minute=0, second=0, microsecond=0)


def span(hours: Collection[datetime]) -> str:
    """Return the name of contiguous hours that Dagster's command line takes: ``A...B``, or ``A`` for one."""
    first, last = key_of(min(hours)), key_of(max(hours))
    return first if first == last else f"{first}...{last}"


def last_settled(hours: HourSettings, now: datetime, count: int) -> list[datetime]:
    """Return the last ``count`` settled hours, oldest first, but none before the first hour."""
    end = whole_hour(now - timedelta(minutes=hours.settle_minutes))
    candidates = (end - HOUR * back for back in range(count, 0, -1))
    return [hour for hour in candidates if hour >= hours.start]


def hours_between(first: datetime, last: datetime) -> list[datetime]:
    """Return the hours from ``first`` to ``last``, both included."""
    return [first + HOUR * number for number in range((last - first) // HOUR + 1)]


def contiguous(starts: Iterable[T], length: timedelta = HOUR) -> list[tuple[T, T]]:
    """Return the contiguous ranges of sorted hours, or days: the first and the last of each."""
    ranges: list[tuple[T, T]] = []
    for start in starts:
        if ranges and ranges[-1][1] + length == start:
            ranges[-1] = (ranges[-1][0], start)
        else:
            ranges.append((start, start))
    return ranges


def named(hours: Iterable[datetime]) -> str:
    """Return a text that names hours, given in any order: their contiguous ranges, or the first few."""
    ranges = contiguous(sorted(hours))
    more = f" and {len(ranges) - _NAMED_RANGES} more ranges" if len(ranges) > _NAMED_RANGES else ""
    return ", ".join(span(pair) for pair in ranges[:_NAMED_RANGES]) + more


def why_not_readable(hour: datetime, now: datetime, settle_minutes: int) -> str | None:
    """Return why an hour cannot be read now, or None if it can."""
    settled = hour + HOUR + timedelta(minutes=settle_minutes)
    if now < settled:
        return f"is not settled yet: run it after {settled:%Y-%m-%d %H:%M} UTC"
    if hour < now - DUO_HISTORY + HOUR:
        return "is older than the 180 days that Duo keeps: its records are gone"
    return None
