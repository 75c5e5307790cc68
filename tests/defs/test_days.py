"""Which days Dagster makes the usage of, by itself."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor

from duo_pipeline.config.account import DEFAULT_ACCOUNT
from duo_pipeline.config.settings import HourSettings, UsageSettings
from duo_pipeline.defs.assets.telephony_usage import telephony_usage
from duo_pipeline.defs.days import daily
from duo_pipeline.defs.partitions import hourly, hours_between, key_of
from duo_pipeline.defs.resources import resources_of
from duo_pipeline.defs.schedules import usage_schedule

START = datetime(2026, 11, 20, 15, tzinfo=UTC)
NOON = datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC)
HOURS = HourSettings(start=START, lookback_hours=72)


@dg.asset(
    key=["duo", "telephony_ndjson"],
    partitions_def=hourly(START),
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def ndjson() -> None: ...


class World:
    """Hours and days, Dagster's daemon that looks at them each minute, and the schedule."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.now = NOON
        self.usage = telephony_usage(DEFAULT_ACCOUNT, ndjson, daily(START), UsageSettings(), lambda: self.now)
        self._defs = dg.Definitions([ndjson, self.usage], resources=resources_of(DEFAULT_ACCOUNT))
        self._cursor: AssetDaemonCursor | None = None
        self.follows()

    def follows(self) -> set[str]:
        """Return the days that the daemon requests when it looks again."""
        self.now += timedelta(minutes=1)
        result = dg.evaluate_automation_conditions(
            self._defs, self.instance, evaluation_time=self.now, cursor=self._cursor
        )
        self._cursor = result.cursor
        return set(result.get_requested_partitions(self.usage.key))  # type: ignore[arg-type]

    def requested(self) -> list[str]:
        """Return what the schedule requests: days, and ranges of days."""
        schedule = usage_schedule(DEFAULT_ACCOUNT, self.usage, ndjson, HOURS, lambda: self.now)
        job = dg.define_asset_job(DEFAULT_ACCOUNT.usage_job, [self.usage])
        repository = dg.Definitions(
            [ndjson, self.usage], jobs=[job], resources=resources_of(DEFAULT_ACCOUNT)
        ).get_repository_def()
        with dg.build_schedule_context(
            self.instance, scheduled_execution_time=self.now, repository_def=repository
        ) as context:
            found = schedule.evaluate_tick(context).run_requests or []
        return [str(one.run_key) for one in found]

    def landed(self, first: datetime, last: datetime) -> None:
        for hour in hours_between(first, last):
            self.instance.report_runless_asset_event(
                dg.AssetMaterialization(ndjson.key, partition=key_of(hour))
            )

    def made(self, *days: str) -> None:
        for day in days:
            self.instance.report_runless_asset_event(dg.AssetMaterialization(self.usage.key, partition=day))


@pytest.fixture
def world() -> Iterator[World]:
    with dg.instance_for_test() as instance:
        yield World(instance)


def test_a_day_is_made_again_when_one_of_its_hours_changes(world: World) -> None:
    midnight = datetime(2026, 11, 22, tzinfo=UTC)
    world.landed(midnight, midnight + timedelta(hours=20))
    world.follows()
    world.made("2026-11-21", "2026-11-22")
    assert world.follows() == set()
    world.landed(midnight + timedelta(hours=21), midnight + timedelta(hours=23))
    assert world.follows() == {"2026-11-22"}
    world.made("2026-11-22")
    assert world.follows() == set()
    world.landed(midnight, midnight)
    assert world.follows() == {"2026-11-22"}


def test_an_hour_that_changes_while_its_day_is_made_is_not_forgotten(world: World) -> None:
    world.made("2026-11-22")
    world.landed(datetime(2026, 11, 22, 5, tzinfo=UTC), datetime(2026, 11, 22, 5, tzinfo=UTC))
    assert world.follows() == {"2026-11-22"}


def test_a_day_that_has_no_usage_is_left_to_the_schedule(world: World) -> None:
    world.landed(datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 22, 23, tzinfo=UTC))
    assert world.follows() == set()
    assert "2026-11-22" in " ".join(world.requested())


def test_the_schedule_requests_a_day_when_its_last_hour_has_landed(world: World) -> None:
    world.now = datetime(2026, 11, 23, 0, 25, tzinfo=UTC)
    world.made("2026-11-20", "2026-11-21")
    assert world.requested() == []
    world.landed(datetime(2026, 11, 22, 23, tzinfo=UTC), datetime(2026, 11, 22, 23, tzinfo=UTC))
    assert world.requested() == ["2026-11-22"]
    world.made("2026-11-22")
    assert world.requested() == []


def test_a_day_whose_last_hour_does_not_land_is_requested_after_six_hours(world: World) -> None:
    world.made("2026-11-20", "2026-11-21")
    world.now = datetime(2026, 11, 23, 5, 25, tzinfo=UTC)
    assert world.requested() == []
    world.now = datetime(2026, 11, 23, 6, 25, tzinfo=UTC)
    assert world.requested() == ["2026-11-22"]


def test_days_in_a_row_are_requested_as_one_run(world: World) -> None:
    assert world.requested() == ["2026-11-20...2026-11-22"]
