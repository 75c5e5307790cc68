"""For which hours Dagster makes events by itself."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor
from dagster._core.events import DagsterEvent, DagsterEventType

from duo_pipeline.config.account import DEFAULT_ACCOUNT
from duo_pipeline.defs.assets.telephony_udm import telephony_udm
from duo_pipeline.defs.partitions import hourly
from duo_pipeline.defs.resources import resources_of

HOURS = ("2026-11-23-05:00", "2026-11-23-06:00")
NOON = datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC)
PARTITIONS = hourly(datetime(2026, 11, 23, tzinfo=UTC))


@dg.asset(
    key=["duo", "telephony_ndjson"],
    partitions_def=PARTITIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def ndjson() -> None: ...


class World:
    """Both assets, and Dagster's daemon that looks at them each minute."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.udm = telephony_udm(DEFAULT_ACCOUNT, PARTITIONS)
        self._defs = dg.Definitions(
            [ndjson, self.udm],
            jobs=[dg.define_asset_job("telephony", [ndjson, self.udm])],
            resources=resources_of(DEFAULT_ACCOUNT),
        )
        self._now = NOON
        self._cursor: AssetDaemonCursor | None = None
        self.requested()

    def requested(self, after: timedelta = timedelta(minutes=1)) -> set[str]:
        """Return the hours that the daemon requests when it looks again."""
        self._now += after
        result = dg.evaluate_automation_conditions(
            self._defs, self.instance, evaluation_time=self._now, cursor=self._cursor
        )
        self._cursor = result.cursor
        return set(result.get_requested_partitions(self.udm.key))  # type: ignore[arg-type]

    def materialized(self, asset: dg.AssetsDefinition, *hours: str) -> None:
        for hour in hours:
            self.instance.report_runless_asset_event(dg.AssetMaterialization(asset.key, partition=hour))

    def begun(self, asset: dg.AssetsDefinition, hour: str) -> dg.DagsterRun:
        """Begin a run that is to materialize an hour."""
        run = self.instance.create_run_for_job(
            self._defs.resolve_job_def("telephony"),
            tags={"dagster/partition": hour},
            asset_selection=frozenset([asset.key]),
        )
        started = DagsterEvent(DagsterEventType.RUN_START.value, "telephony")
        self.instance.report_dagster_event(started, run.run_id)
        return run


@pytest.fixture
def world() -> Iterator[World]:
    with dg.instance_for_test() as instance:
        yield World(instance)


def test_the_events_of_an_hour_follow_its_lines_once(world: World) -> None:
    world.materialized(ndjson, *HOURS)
    assert world.requested() == set(HOURS)
    assert world.requested() == set()


def test_an_hour_that_a_run_is_reading_again_has_to_wait_for_the_run(world: World) -> None:
    world.materialized(ndjson, *HOURS)
    run = world.begun(ndjson, HOURS[1])
    assert world.requested() == {HOURS[0]}
    world.instance.report_run_failed(run)
    assert world.requested() == {HOURS[1]}


def test_an_hour_whose_events_a_run_is_making_is_not_requested(world: World) -> None:
    world.begun(world.udm, HOURS[1])
    world.materialized(ndjson, *HOURS)
    assert world.requested() == {HOURS[0]}


def test_an_hour_that_has_lines_and_no_events_is_requested_once_an_hour(world: World) -> None:
    world.materialized(ndjson, HOURS[0])
    assert world.requested() == {HOURS[0]}
    assert world.requested(timedelta(minutes=10)) == set()
    assert world.requested(timedelta(minutes=15)) == {HOURS[0]}
    world.materialized(world.udm, HOURS[0])
    assert world.requested(timedelta(hours=1)) == set()
