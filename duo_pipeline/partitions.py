"""The hours as Dagster's partitions, and which of them can be read now."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from duo_pipeline.settings import HOUR_FORMAT

HOUR = timedelta(hours=1)
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


def refusal(hour: datetime, now: datetime, settle_minutes: int) -> str | None:
    """Say why an hour cannot be read now, or nothing if it can."""
    settled = hour + HOUR + timedelta(minutes=settle_minutes)
    if now < settled:
        return f"is not settled before {settled:%Y-%m-%d %H:%M} UTC: run it then"
    if hour < now - DUO_HISTORY + HOUR:
        return "is older than the 180 days that Duo keeps: its records can no longer be had"
    return None
