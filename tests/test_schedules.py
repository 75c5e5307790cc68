"""What the schedules request."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from duo_pipeline.partitions import hourly, key_of
from duo_pipeline.schedules import contiguous, last_settled, telephony_hourly, telephony_reconcile
from duo_pipeline.settings import HourSettings

HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 10, 10, 5, tzinfo=UTC)
START = datetime(2026, 11, 1, tzinfo=UTC)
SETTINGS = HourSettings(start=START, settle_minutes=5, lookback_hours=6, reconcile_hours=4)
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


@dg.asset(
    key=["duo", "telephony_ndjson"],
    partitions_def=hourly(START),
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def asset() -> None: ...


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as one:
        yield one


def done(instance: dg.DagsterInstance, *hours: int) -> None:
    for hour in hours:
        key = key_of(NOW.replace(hour=hour, minute=0))
        instance.report_runless_asset_event(dg.AssetMaterialization(asset.key, partition=key))


def tick(instance: dg.DagsterInstance, settings: HourSettings = SETTINGS, now: datetime = NOW) -> list[str]:
    """Give the ranges that the hourly schedule requests."""
    job = dg.define_asset_job("telephony", selection=[asset])
    schedule = telephony_hourly("telephony", asset, settings, lambda: now)
    repository = dg.Definitions(assets=[asset], jobs=[job], schedules=[schedule]).get_repository_def()
    with dg.build_schedule_context(
        instance, scheduled_execution_time=now, repository_def=repository
    ) as context:
        requests = schedule.evaluate_tick(context).run_requests or []
    assert len({request.run_key for request in requests}) == len(requests)
    return [
        "...".join(request.tags[tag][11:] for tag in RANGE)
        if RANGE[0] in request.tags
        else str(request.partition_key)[11:]
        for request in requests
    ]


def test_on_the_first_day_the_look_back_is_one_range(instance: dg.DagsterInstance) -> None:
    assert tick(instance) == ["04:00...09:00"]


def test_in_the_steady_state_the_newest_hour_is_requested_by_its_key(instance: dg.DagsterInstance) -> None:
    done(instance, 4, 5, 6, 7, 8)
    assert tick(instance) == ["09:00"]


def test_each_contiguous_range_of_missing_hours_is_one_run(instance: dg.DagsterInstance) -> None:
    done(instance, 5, 8)
    assert tick(instance) == ["04:00", "06:00...07:00", "09:00"]


def test_nothing_is_requested_when_nothing_is_missing(instance: dg.DagsterInstance) -> None:
    done(instance, 4, 5, 6, 7, 8, 9)
    assert tick(instance) == []


def test_an_hour_is_requested_when_it_is_settled_and_not_before(instance: dg.DagsterInstance) -> None:
    done(instance, 3, 4, 5, 6, 7, 8)
    assert tick(instance, now=NOW - timedelta(minutes=1)) == []
    assert tick(instance) == ["09:00"]


def test_hours_before_the_first_partition_are_not_requested(instance: dg.DagsterInstance) -> None:
    late_start = HourSettings(NOW.replace(hour=7, minute=0), 5, 6, 4)
    assert tick(instance, late_start) == ["07:00...09:00"]


def test_the_schedule_ticks_at_the_settled_minute() -> None:
    for minutes, cron in ((5, "5 * * * *"), (65, "5 * * * *"), (2, "2 * * * *")):
        schedule = telephony_hourly("telephony", asset, HourSettings(START, minutes, 1, 1), lambda: NOW)
        assert schedule.cron_schedule == cron
        assert schedule.execution_timezone == "UTC"
        assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING


def test_reconciling_reads_the_last_hours_again_as_one_range() -> None:
    schedule = telephony_reconcile("telephony", SETTINGS, lambda: NOW)
    with dg.build_schedule_context(scheduled_execution_time=NOW) as context:
        (request,) = schedule.evaluate_tick(context).run_requests or []
    assert [request.tags[tag] for tag in RANGE] == ["2026-11-10-06:00", "2026-11-10-09:00"]


def test_the_last_settled_hours_are_counted_back_from_the_settled_minute() -> None:
    assert last_settled(SETTINGS, NOW, 2) == [NOW.replace(hour=8, minute=0), NOW.replace(hour=9, minute=0)]
    assert last_settled(SETTINGS, START + HOUR, 2) == []


def test_hours_that_touch_are_joined() -> None:
    hours = [START + HOUR * number for number in (0, 1, 2, 5, 7, 8)]
    assert [(first.hour, last.hour) for first, last in contiguous(hours)] == [(0, 2), (5, 5), (7, 8)]
