"""What the schedules request."""

import os
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import psutil
import pytest
from dagster._core.events import DagsterEvent, DagsterEventType, EngineEventData
from dagster._core.storage.tags import GRPC_INFO_TAG

from duo_pipeline.config.account import DEFAULT_ACCOUNT
from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs import dead_runs, partition_status
from duo_pipeline.defs.checks import no_hour_left_out
from duo_pipeline.defs.partitions import contiguous, hourly, key_of, last_settled
from duo_pipeline.defs.schedules import hourly_schedule, reconcile_schedule
from duo_pipeline.defs.tags import ACCOUNT, EXPLAINED

HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 10, 10, 5, tzinfo=UTC)
START = datetime(2026, 11, 1, tzinfo=UTC)
SETTINGS = HourSettings(
    start=START, settle_minutes=5, lookback_hours=6, reconcile_hours=4, reconcile_weekly_hours=0
)
LOOKED_AT = last_settled(SETTINGS, NOW, SETTINGS.lookback_hours)
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


def judged(instance: dg.DagsterInstance, hour: int, *, passed: bool) -> None:
    """Record an evaluation of the check `complete` for an hour, in its own run."""
    evaluation = dg.AssetCheckEvaluation(
        asset_key=asset.key,
        check_name="complete",
        passed=passed,
        partition=key_of(NOW.replace(hour=hour, minute=0)),
    )
    event = DagsterEvent(DagsterEventType.ASSET_CHECK_EVALUATION.value, "", event_specific_data=evaluation)
    instance.report_dagster_event(event, str(uuid.uuid4()))


def left_out(instance: dg.DagsterInstance) -> tuple[bool, str]:
    """Return what the check said last."""
    key = dg.AssetCheckKey(asset.key, "no_hour_left_out")
    record = instance.get_latest_asset_check_evaluation_record(key)
    assert record is not None
    assert record.event is not None
    assert record.event.dagster_event is not None
    evaluation = record.event.dagster_event.event_specific_data
    assert isinstance(evaluation, dg.AssetCheckEvaluation)
    return evaluation.passed, evaluation.description or ""


def tick(instance: dg.DagsterInstance, settings: HourSettings = SETTINGS, now: datetime = NOW) -> list[str]:
    """Return the ranges that the hourly schedule requests."""
    job = dg.define_asset_job("telephony", selection=[asset])
    schedule = hourly_schedule(DEFAULT_ACCOUNT, asset, settings, lambda: now)
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
    late_start = HourSettings(NOW.replace(hour=7, minute=0), 5, 6, 4, 0)
    assert tick(instance, late_start) == ["07:00...09:00"]


def test_hours_of_whose_query_duo_counted_more_are_requested(
    instance: dg.DagsterInstance,
) -> None:
    done(instance, *range(NOW.hour))
    judged(instance, 7, passed=False)
    judged(instance, 8, passed=True)
    assert tick(instance) == ["07:00"]


def test_of_very_many_hours_in_doubt_those_judged_longest_ago_are_requested(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition_status, "DOUBTFUL_AT_A_TIME", 2)
    done(instance, *range(NOW.hour))
    for hour in (8, 6, 4):
        judged(instance, hour, passed=False)
    assert tick(instance) == ["06:00", "08:00"]
    judged(instance, 8, passed=False)
    assert tick(instance) == ["04:00", "06:00"]


def test_the_hours_in_doubt_of_one_tick_are_read_before_the_next_at_a_request_a_minute() -> None:
    requests_of_an_hour_in_doubt = 2
    assert partition_status.DOUBTFUL_AT_A_TIME * requests_of_an_hour_in_doubt < 60


def test_a_range_whose_run_failed_for_no_known_reason_is_requested_in_two_parts(
    instance: dg.DagsterInstance,
) -> None:
    done(instance, 4, 5)
    failed_run(instance, 6, 9)
    assert tick(instance) == ["06:00...07:00", "08:00...09:00"]
    failed_run(instance, 6, 7)
    done(instance, 8, 9)
    assert tick(instance) == ["06:00", "07:00"]


def test_a_range_whose_run_failed_for_a_known_reason_stays_one(instance: dg.DagsterInstance) -> None:
    failed_run(instance, 4, 9, tags={EXPLAINED: "true"})
    assert tick(instance) == ["04:00...09:00"]


def test_when_everything_fails_for_no_known_reason_the_runs_do_not_become_ever_more(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition_status, "MOST_UNEXPLAINED", 1)
    failed_run(instance, 4, 6)
    failed_run(instance, 7, 9)
    assert tick(instance) == ["04:00...06:00", "07:00...09:00"]


def test_hours_before_the_look_back_that_nobody_asked_for_are_named(instance: dg.DagsterInstance) -> None:
    settings = HourSettings(NOW.replace(hour=0, minute=0), 5, 5, 4, 0)
    done(instance, 1, 3)
    tick(instance, settings)
    passed, sentence = left_out(instance)
    assert not passed
    assert "3 hours older than DUO_LOOKBACK_HOURS are missing or in doubt" in sentence
    assert ": 2026-11-10-00:00, 2026-11-10-02:00, 2026-11-10-04:00. Materialize them" in sentence
    done(instance, 0, 2, 4)
    tick(instance, settings)
    assert left_out(instance)[0]


def test_hours_in_doubt_before_the_look_back_are_named(instance: dg.DagsterInstance) -> None:
    settings = HourSettings(NOW.replace(hour=0, minute=0), 5, 5, 4, 0)
    done(instance, *range(NOW.hour))
    judged(instance, 1, passed=False)
    tick(instance, settings)
    sentence = left_out(instance)[1]
    assert "1 hours older than DUO_LOOKBACK_HOURS are missing or in doubt" in sentence
    assert ": 2026-11-10-01:00. Materialize them" in sentence
    judged(instance, 1, passed=True)
    tick(instance, settings)
    assert left_out(instance)[0]


def test_hours_that_duo_no_longer_keeps_are_named_as_lost_beside_those_that_can_be_read() -> None:
    settings = HourSettings(START - timedelta(days=365), 5, 5, 4, 0)
    with dg.instance_for_test() as instance:
        verdict = no_hour_left_out.verdict(instance, asset, settings, START + timedelta(days=2))
    assert not verdict.passed
    oldest = START - timedelta(days=178) + 2 * HOUR
    assert f"no schedule requests them: {key_of(oldest)}..." in verdict.sentence
    gone = f"{key_of(settings.start)}...{key_of(oldest - HOUR)}"
    lost = f"hours are lost, because Duo keeps only 180 days: {gone};"
    assert lost in verdict.sentence


def started_run(
    instance: dg.DagsterInstance,
    of: int | None = None,
    at: float | None = None,
    by_code_server: bool = True,
    hours: tuple[int, int] = (8, 9),
) -> str:
    """A run of some hours that has begun, perhaps in a process of some id, at some Unix time."""
    job = dg.define_asset_job("telephony", selection=[asset])
    run = instance.create_run_for_job(
        dg.Definitions(assets=[asset], jobs=[job]).resolve_job_def("telephony"),
        asset_selection=frozenset([asset.key]),
        tags={tag: key_of(NOW.replace(hour=hour, minute=0)) for tag, hour in zip(RANGE, hours, strict=True)},
    )
    if of is not None:
        if by_code_server:
            instance.add_run_tags(run.run_id, {GRPC_INFO_TAG: "{}"})
        data = EngineEventData.in_process(of)
        event = DagsterEvent(DagsterEventType.ENGINE_EVENT.value, "telephony", event_specific_data=data)
        instance.report_dagster_event(event, run.run_id, timestamp=at)
    instance.report_dagster_event(DagsterEvent(DagsterEventType.RUN_START.value, "telephony"), run.run_id)
    return run.run_id


def failed_run(
    instance: dg.DagsterInstance, first: int, last: int, tags: dict[str, str] | None = None
) -> None:
    """A run of some hours that has failed."""
    run_id = started_run(instance, hours=(first, last))
    run = instance.get_run_by_id(run_id)
    assert run is not None
    instance.add_run_tags(run_id, tags or {})
    instance.report_run_failed(run)


def ended_process() -> int:
    """Return the id of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        return process.pid


def test_hours_of_a_run_that_is_under_way_are_not_requested(instance: dg.DagsterInstance) -> None:
    started_run(instance)
    assert tick(instance) == ["04:00...07:00"]


@pytest.mark.parametrize(
    ("job", "account", "ended"),
    [
        ("telephony", "duo", True),
        ("telephony_reconcile", "duo", True),
        ("telephony", "acme", False),
        ("authentication", "duo", False),
    ],
)
def test_a_silent_run_of_a_job_is_ended_by_the_tick_of_its_own_account_and_log(
    instance: dg.DagsterInstance, job: str, account: str, ended: bool
) -> None:
    asset_job = dg.define_asset_job(job, selection=[asset], tags={ACCOUNT: account})
    definition = dg.Definitions(assets=[asset], jobs=[asset_job]).resolve_job_def(job)
    run = instance.create_run_for_job(definition, tags=definition.run_tags)
    instance.report_dagster_event(DagsterEvent(DagsterEventType.RUN_START.value, job), run.run_id)
    later = datetime.now(UTC) + timedelta(minutes=61)
    assert dead_runs.end_dead_runs(instance, asset, LOOKED_AT, later) == ([run.run_id] if ended else [])


def test_a_run_that_has_written_nothing_for_an_hour_is_failed_and_its_hours_requested(
    instance: dg.DagsterInstance,
) -> None:
    run_id = started_run(instance)
    machine_now = datetime.now(UTC)
    assert dead_runs.end_dead_runs(instance, asset, LOOKED_AT, machine_now + timedelta(minutes=59)) == []
    assert dead_runs.end_dead_runs(instance, asset, LOOKED_AT, machine_now + timedelta(minutes=61)) == [
        run_id
    ]
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status == dg.DagsterRunStatus.FAILURE
    assert run.tags["dagster/max_retries"] == "0"
    assert tick(instance) == ["04:00...07:00", "08:00", "09:00"]


def test_a_run_whose_process_is_gone_is_failed_immediately(instance: dg.DagsterInstance) -> None:
    run_id = started_run(instance, of=ended_process())
    assert tick(instance) == ["04:00...07:00", "08:00", "09:00"]
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status == dg.DagsterRunStatus.FAILURE


def test_a_run_whose_process_has_ended_and_is_a_zombie_is_failed(instance: dg.DagsterInstance) -> None:
    with subprocess.Popen(["true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # nobody has asked for its exit code yet
        run_id = started_run(instance, of=process.pid)
        assert dead_runs.end_dead_runs(instance, asset, LOOKED_AT, datetime.now(UTC)) == [run_id]


def test_a_run_that_ends_while_it_is_looked_at_is_left_as_it_ended(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = started_run(instance)

    def ends(_: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
        event = DagsterEvent(DagsterEventType.RUN_SUCCESS.value, "telephony")
        instance.report_dagster_event(event, run.run_id)
        return True

    monkeypatch.setattr(dead_runs, "_process_is_gone", ends)
    assert dead_runs.end_dead_runs(instance, asset, LOOKED_AT, datetime.now(UTC)) == []
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status == dg.DagsterRunStatus.SUCCESS


def test_a_dead_run_whose_hours_begin_with_the_look_back_is_not_retried(instance: dg.DagsterInstance) -> None:
    run_id = started_run(instance, of=ended_process(), hours=(LOOKED_AT[0].hour, 9))
    assert dead_runs.end_dead_runs(instance, asset, LOOKED_AT, datetime.now(UTC)) == [run_id]
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.tags["dagster/max_retries"] == "0"


def test_a_run_whose_process_lives_goes_on(instance: dg.DagsterInstance) -> None:
    started_run(instance, of=os.getpid())
    assert tick(instance) == ["04:00...07:00"]


def test_another_process_with_the_same_id_is_not_taken_for_the_runs_own(
    instance: dg.DagsterInstance,
) -> None:
    run_id = started_run(instance, of=os.getpid(), at=psutil.Process().create_time() - 3600)
    assert dead_runs.end_dead_runs(instance, asset, LOOKED_AT, datetime.now(UTC)) == [run_id]


def test_the_process_of_a_run_that_another_machine_may_have_started_is_not_looked_for(
    instance: dg.DagsterInstance,
) -> None:
    run_id = started_run(instance, of=ended_process(), by_code_server=False)
    assert dead_runs.end_dead_runs(instance, asset, LOOKED_AT, datetime.now(UTC)) == []
    assert run_id


def test_a_dead_run_of_hours_before_the_look_back_is_left_to_dagsters_retry(
    instance: dg.DagsterInstance,
) -> None:
    run_id = started_run(instance, of=ended_process())
    later = [hour + 5 * HOUR for hour in LOOKED_AT]
    assert dead_runs.end_dead_runs(instance, asset, later, datetime.now(UTC)) == [run_id]
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert "dagster/max_retries" not in run.tags


def test_the_schedule_ticks_at_the_settled_minute() -> None:
    for minutes, cron in ((5, "5 * * * *"), (65, "5 * * * *"), (2, "2 * * * *")):
        schedule = hourly_schedule(DEFAULT_ACCOUNT, asset, HourSettings(START, minutes, 1, 1, 0), lambda: NOW)
        assert schedule.cron_schedule == cron
        assert schedule.execution_timezone == "UTC"
        assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING


@pytest.mark.parametrize(
    ("weekly", "day", "hours"), [(720, 10, 4), (720, 8, 720), (0, 8, 4), (2, 8, 4)], ids=str
)
def test_reconciling_reaches_back_some_hours_each_night_and_further_on_sundays(
    weekly: int, day: int, hours: int
) -> None:
    schedule = reconcile_schedule(
        DEFAULT_ACCOUNT, replace(SETTINGS, reconcile_weekly_hours=weekly), lambda: NOW
    )
    with dg.build_schedule_context(scheduled_execution_time=NOW.replace(day=day)) as context:
        (request,) = schedule.evaluate_tick(context).run_requests or []
    assert request.run_config == {"ops": {"read_again": {"config": {"hours": hours}}}}


def test_the_last_settled_hours_are_counted_back_from_the_settled_minute() -> None:
    assert last_settled(SETTINGS, NOW, 2) == [NOW.replace(hour=8, minute=0), NOW.replace(hour=9, minute=0)]
    assert last_settled(SETTINGS, START + HOUR, 2) == []


def test_hours_that_touch_are_joined() -> None:
    hours = [START + HOUR * number for number in (0, 1, 2, 5, 7, 8)]
    assert [(first.hour, last.hour) for first, last in contiguous(hours)] == [(0, 2), (5, 5), (7, 8)]
