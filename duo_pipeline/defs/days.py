"""The days as Dagster's partitions."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg

from duo_pipeline.defs import internals
from duo_pipeline.defs.partitions import HOUR

DAY_FORMAT = "%Y-%m-%d"
HOURS = 24
DAY = timedelta(days=1)


def daily(start: datetime) -> dg.DailyPartitionsDefinition:
    """Return one partition for each day since that of ``start``, in UTC; today has one, too."""
    return dg.DailyPartitionsDefinition(start_date=start.strftime(DAY_FORMAT), timezone="UTC", end_offset=1)


def key_of_day(day: date) -> str:
    """Return the partition key of a day: ``2026-11-23``."""
    return day.strftime(DAY_FORMAT)


def day_of(key: str) -> date:
    """Return the day that a partition key names."""
    return date.fromisoformat(key)


def hours_of(day: date) -> list[datetime]:
    """Return the hours of a day, in UTC."""
    first = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return [first + HOUR * number for number in range(HOURS)]


def days_known(instance: dg.DagsterInstance, asset: dg.AssetsDefinition) -> tuple[set[date], set[date]]:
    """Return the days that have usage, and those that a run is working on."""
    made, failed, under_way = internals.partition_status(instance, asset)
    return {day_of(key) for key in made - failed}, {day_of(key) for key in under_way}
