"""The hours as Dagster's partitions, and which of them can be read now."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta

import dagster as dg

from duo_pipeline.config.settings import HOUR_FORMAT, HourSettings

HOUR = timedelta(hours=1)
_NAMED_RANGES = 5
DUO_HISTORY = timedelta(days=180)
"""Duo refuses older hours; what is exactly that old may be too old by Duo's clock, hence an hour less."""


def hourly(start: datetime) -> dg.HourlyPartitionsDefinition:
    """Give one partition for each hour since ``start``, in UTC: local time doubles and drops hours."""
    return dg.HourlyPartitionsDefinition(start_date=start.strftime(HOUR_FORMAT), timezone="UTC")


def key_of(hour: datetime) -> str:
    """Give the partition key of an hour: ``2026-11-23-05:00``."""
    return hour.strftime(HOUR_FORMAT)


def hour_of(key: str) -> datetime:
    """Give the start of the hour, in UTC, that a partition key names."""
    return datetime.strptime(key, HOUR_FORMAT).replace(tzinfo=UTC)


def span(hours: Collection[datetime]) -> str:
    """Name contiguous hours as Dagster's command line takes them: ``A...B``, or ``A`` for one."""
    first, last = key_of(min(hours)), key_of(max(hours))
    return first if first == last else f"{first}...{last}"


def last_settled(hours: HourSettings, now: datetime, count: int) -> list[datetime]:
    """Give the last ``count`` settled hours, oldest first; none from before the first hour."""
    settled_until = now - timedelta(minutes=hours.settle_minutes)
    end = settled_until.replace(minute=0, second=0, microsecond=0)
    candidates = (end - HOUR * back for back in range(count, 0, -1))
    return [hour for hour in candidates if hour >= hours.start]


def hours_between(first: datetime, last: datetime) -> list[datetime]:
    """Give the hours from ``first`` to ``last``, both among them."""
    return [first + HOUR * number for number in range((last - first) // HOUR + 1)]


def contiguous(hours: Iterable[datetime]) -> list[tuple[datetime, datetime]]:
    """Join hours, given in order, to ranges that touch: the first and the last hour of each."""
    ranges: list[tuple[datetime, datetime]] = []
    for hour in hours:
        if ranges and ranges[-1][1] + HOUR == hour:
            ranges[-1] = (ranges[-1][0], hour)
        else:
            ranges.append((hour, hour))
    return ranges


def named(hours: Iterable[datetime]) -> str:
    """Name hours, in any order: each contiguous range, of very many the first."""
    ranges = contiguous(sorted(hours))
    more = f" and {len(ranges) - _NAMED_RANGES} more ranges" if len(ranges) > _NAMED_RANGES else ""
    return ", ".join(span(pair) for pair in ranges[:_NAMED_RANGES]) + more


def refusal(hour: datetime, now: datetime, settle_minutes: int) -> str | None:
    """Say why an hour cannot be read now, or nothing if it can."""
    settled = hour + HOUR + timedelta(minutes=settle_minutes)
    if now < settled:
        return f"is not settled before {settled:%Y-%m-%d %H:%M} UTC: run it then"
    if hour < now - DUO_HISTORY + HOUR:
        return "is older than the 180 days that Duo keeps: its records can no longer be had"
    return None
