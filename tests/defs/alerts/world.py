"""Two assets whose hours can be made to fail, and the sensor that watches them."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.events import DagsterEvent, DagsterEventType

from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs.alerts.evaluation import WatchedAccount
from duo_pipeline.defs.alerts.sensor import alerts_sensor
from duo_pipeline.defs.alerts.topic import Topic
from duo_pipeline.defs.checks import evaluations as checks
from duo_pipeline.defs.days import daily
from duo_pipeline.defs.partitions import hour_of, hourly, key_of
from duo_pipeline.defs.schedules import run_request
from tests.defs.alerts.conftest import Inbox, Received

HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 10, 10, 5, tzinfo=UTC)
START = datetime(2026, 11, 1, tzinfo=UTC)
HOURS = HourSettings(
    start=START, settle_minutes=5, lookback_hours=6, reconcile_hours=4, reconcile_weekly_hours=0
)
UI = "https://dagster.example.com"
REASON = "Duo refuses the key (40102): check DUO_IKEY."


def at(hour: int, day: int = 10) -> datetime:
    return NOW.replace(day=day, hour=hour, minute=0)


@dataclass
class World:
    """Two assets whose hours can be made to fail, Dagster, and the sensor; the test sets the clock."""

    instance: dg.DagsterInstance
    topic: Topic | None
    now: datetime = NOW
    cursor: str | None = None
    failing: dict[datetime, Exception] = field(default_factory=dict)
    events_failing: bool = False
    account: str = "duo"

    def __post_init__(self) -> None:
        @dg.asset(
            key=[self.account, "telephony_ndjson"],
            partitions_def=hourly(START),
            backfill_policy=dg.BackfillPolicy.single_run(),
        )
        def ndjson(context: dg.AssetExecutionContext) -> None:
            for hour in sorted(map(hour_of, context.partition_keys)):
                if hour in self.failing:
                    raise self.failing[hour]
                context.log_event(dg.AssetMaterialization(context.asset_key, partition=key_of(hour)))

        @dg.asset(
            key=[self.account, "telephony_udm"],
            deps=[ndjson],
            partitions_def=hourly(START),
            backfill_policy=dg.BackfillPolicy.single_run(),
        )
        def udm() -> None:
            if self.events_failing:
                raise dg.Failure("S3 did not write (AccessDenied).", allow_retries=False)

        @dg.asset(key=[self.account, "telephony_usage"], partitions_def=daily(START))
        def usage() -> None: ...

        self.assets = (ndjson, udm)
        self.usage = usage
        self.watched = WatchedAccount(*self.assets, usage, HOURS)
        self.sensor = alerts_sensor([self.watched], self.topic, UI, lambda: self.now)

    def run(self, first: datetime, last: datetime | None = None) -> str:
        """Run hours, and return the run's id."""
        request = run_request(first, last or first)
        done = dg.materialize(
            self.assets,
            instance=self.instance,
            partition_key=request.partition_key,
            tags=request.tags,
            raise_on_error=False,
        )
        return done.run_id

    def create(self, first: datetime, *, started: bool) -> str:
        """Make a run that waits, or is being executed, for ever."""
        job = dg.define_asset_job("telephony", selection=self.assets)
        run = self.instance.create_run_for_job(
            dg.Definitions(assets=self.assets, jobs=[job]).resolve_job_def("telephony"),
            tags={"dagster/partition": key_of(first)},
            asset_selection=frozenset(asset.key for asset in self.assets),
        )
        if started:
            event = DagsterEvent(DagsterEventType.RUN_START.value, "telephony")
            self.instance.report_dagster_event(event, run.run_id)
        return run.run_id

    def done(self, *hours: datetime) -> None:
        for asset in self.assets:
            for hour in hours:
                event = dg.AssetMaterialization(asset.key, partition=key_of(hour))
                self.instance.report_runless_asset_event(event)

    def evaluate(self, check: str, sentence: str, wrong: Sequence[datetime] = ()) -> None:
        """Evaluate a check of the whole asset that has it; it passes if no hour is wrong."""
        ranges = [[key_of(hour), key_of(hour)] for hour in wrong]
        evaluation = dg.AssetCheckEvaluation(
            asset_key=(self.usage if check == checks.NO_ABUSE else self.assets[0]).key,
            check_name=check,
            passed=not wrong,
            description=sentence,
            metadata={checks.HOURS: ranges} if ranges else {},
        )
        self._store(DagsterEventType.ASSET_CHECK_EVALUATION, evaluation)

    def place(self, *hours: datetime, passed: bool, run_id: str = "") -> None:
        """Evaluate ``in_place`` of hours of the second asset, each in its own run if none is named."""
        for hour in hours:
            evaluation = dg.AssetCheckEvaluation(
                asset_key=self.assets[1].key,
                check_name=checks.IN_PLACE,
                passed=passed,
                description="1 of 2 lines are duplicates.",
                partition=key_of(hour),
            )
            self._store(DagsterEventType.ASSET_CHECK_EVALUATION, evaluation, run_id or str(uuid.uuid4()))

    def plan_to_place(self, hour: datetime, run_id: str) -> None:
        """Begin a run that will evaluate ``in_place`` of an hour."""
        asset = self.assets[1]
        assert asset.partitions_def is not None
        subset = asset.partitions_def.subset_with_partition_keys([key_of(hour)]).to_serializable_subset()
        planned = AssetCheckEvaluationPlanned(
            asset_key=asset.key, check_name=checks.IN_PLACE, partitions_subset=subset
        )
        self._store(DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED, planned, run_id)

    def _store(self, kind: DagsterEventType, data: Any, run_id: str = "") -> None:
        event = DagsterEvent(kind.value, "telephony", event_specific_data=data)
        self.instance.report_dagster_event(event, run_id, timestamp=self.now.timestamp())

    def tick(self, times: int = 1) -> str:
        """Let the sensor tick as Dagster does, and return what the UI shows about the last tick."""
        for _ in range(times):
            with dg.build_sensor_context(self.instance, cursor=self.cursor) as context:
                ticked = self.sensor.evaluate_tick(context)
            self.cursor = ticked.cursor or self.cursor
        return ticked.skip_message or ""


def a_good_world(instance: dg.DagsterInstance, inbox: Inbox) -> World:
    """Make a world in which the sensor has ticked for two hours, and all is well."""
    world = World(instance, Topic(inbox.arn))
    world.now = NOW - 2 * HOUR
    world.tick()
    world.now = NOW
    world.done(*(at(hour) for hour in range(10)))
    assert inbox.new() == []
    return world


def the_one(inbox: Inbox) -> Received:
    (received,) = inbox.new()
    return received


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as one:
        yield one


@pytest.fixture
def world(instance: dg.DagsterInstance, inbox: Inbox) -> World:
    return a_good_world(instance, inbox)
