"""When Dagster learns that an hour is done."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from duo_pipeline.defs.assets.materializations import WRITE_AFTER_SECONDS, Materializations
from duo_pipeline.defs.checks.evaluations import Verdict
from duo_pipeline.duo.admin_api import CONNECT_SECONDS, READ_SECONDS
from duo_pipeline.duo.bounds import ANSWER_SECONDS

HOUR = datetime(2026, 11, 23, 5, tzinfo=UTC)
FIGURES = {"records": dg.MetadataValue.int(1)}


class Context:
    def __init__(self) -> None:
        self.written: list[str | None] = []
        self.left_to_dagster: list[str] = []

    def log_event(self, event: dg.AssetMaterialization) -> None:
        self.written.append(event.partition)

    def add_asset_metadata(self, metadata: Any, partition_key: str) -> None:
        assert metadata == FIGURES
        self.left_to_dagster.append(partition_key)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def materializations() -> tuple[Materializations, Context, Clock]:
    context, clock = Context(), Clock()
    return Materializations(context, dg.AssetKey("a"), clock), context, clock  # type: ignore[arg-type]


def test_hours_of_a_short_run_are_left_to_the_events_that_dagster_writes_itself() -> None:
    hours, context, _ = materializations()
    hours.add(HOUR, FIGURES)
    hours.pass_metadata(context)  # type: ignore[arg-type]
    assert context.written == []
    assert context.left_to_dagster == ["2026-11-23-05:00"]


def test_hours_that_have_waited_are_written_and_still_carry_their_metadata_at_the_end() -> None:
    hours, context, clock = materializations()
    hours.add(HOUR, FIGURES)
    clock.now = WRITE_AFTER_SECONDS
    hours.add(HOUR + timedelta(hours=1), FIGURES)
    assert context.written == ["2026-11-23-05:00", "2026-11-23-06:00"]
    hours.pass_metadata(context)  # type: ignore[arg-type]
    assert context.left_to_dagster == ["2026-11-23-05:00", "2026-11-23-06:00"]


def test_hours_that_have_not_waited_long_are_not_written_yet() -> None:
    hours, context, clock = materializations()
    hours.add(HOUR, FIGURES)
    clock.now = WRITE_AFTER_SECONDS - 0.1
    hours.add(HOUR + timedelta(hours=1), FIGURES)
    assert context.written == []


def test_an_hour_is_recorded_within_a_minute_unless_the_next_answer_takes_longer() -> None:
    assert WRITE_AFTER_SECONDS + CONNECT_SECONDS + READ_SECONDS <= 60


def test_an_hour_is_recorded_after_the_next_answer_which_may_take_three_minutes() -> None:
    hours, context, clock = materializations()
    hours.add(HOUR, FIGURES)
    clock.now = ANSWER_SECONDS
    hours.write_if_due()
    assert context.written == ["2026-11-23-05:00"]
    assert ANSWER_SECONDS <= 180


def test_an_hour_is_written_once() -> None:
    hours, context, clock = materializations()
    hours.add(HOUR, FIGURES)
    hours.write()
    clock.now = 10 * WRITE_AFTER_SECONDS
    hours.write_if_due()
    hours.write()
    assert context.written == ["2026-11-23-05:00"]


def test_hours_taken_back_are_neither_written_nor_left_to_dagster() -> None:
    hours, context, _ = materializations()
    hours.add(HOUR, FIGURES)
    hours.add(HOUR + timedelta(hours=1), FIGURES)
    hours.take_back({HOUR: Verdict(False, "in doubt")})
    hours.write()
    hours.pass_metadata(context)  # type: ignore[arg-type]
    assert context.written == context.left_to_dagster == ["2026-11-23-06:00"]
