"""What run monitoring learns about runs that are Celery tasks, with a queue in memory."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from threading import Event
from typing import Any

import dagster as dg
import pytest
from celery.contrib.testing.worker import start_worker
from dagster._core.launcher import WorkerStatus
from dagster._core.test_utils import create_run_for_test, instance_for_test
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from duo_pipeline.instance import celery_launcher
from duo_pipeline.instance.celery_launcher import CeleryRunLauncher

RUNNING, FAILED = WorkerStatus.RUNNING, WorkerStatus.FAILED
OVERRIDES = {
    "run_launcher": {
        "module": "duo_pipeline.instance.celery_launcher",
        "class": "CeleryRunLauncher",
        "config": {
            "broker": "memory://",
            "backend": "cache+memory://",
            "config_source": {"broker_transport_options": {"polling_interval": 0.01}},
        },
    }
}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with instance_for_test(overrides=OVERRIDES) as instance:
        yield instance


@pytest.fixture
def launcher(instance: dg.DagsterInstance) -> CeleryRunLauncher:
    launcher = instance.run_launcher
    assert isinstance(launcher, CeleryRunLauncher)
    return launcher


@pytest.fixture
def run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    """A run that Dagster believes to be at work."""
    tags = {DAGSTER_CELERY_TASK_ID_TAG: str(uuid.uuid4())}
    run: dg.DagsterRun = create_run_for_test(instance, status=dg.DagsterRunStatus.STARTED, tags=tags)
    instance.report_engine_event("It writes.", run)
    return run


@pytest.fixture
def nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait: no worker is there to answer."""
    monkeypatch.setattr(celery_launcher, "REPLY_SECONDS", 0.01)


@pytest.fixture
def fell_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the run silent for too long."""
    monkeypatch.setattr(celery_launcher, "SILENCE", timedelta(seconds=-1))


def told(launcher: CeleryRunLauncher, run: dg.DagsterRun, state: str, result: Any) -> None:
    """Set what the queue says about the run's task."""
    launcher.celery.backend.store_result(run.tags[DAGSTER_CELERY_TASK_ID_TAG], result, state)


@pytest.mark.parametrize(
    ("state", "result"), [("SUCCESS", 1), ("FAILURE", OSError()), ("REVOKED", OSError())]
)
def test_a_task_that_has_ended_while_the_run_goes_on_is_a_failure(
    launcher: CeleryRunLauncher, run: dg.DagsterRun, state: str, result: Any
) -> None:
    told(launcher, run, state, result)
    assert launcher.check_run_worker_health(run).status is FAILED


def test_a_worker_that_has_the_run_is_well_and_one_that_has_it_not_has_lost_it(
    launcher: CeleryRunLauncher, run: dg.DagsterRun
) -> None:
    begun, may_end = Event(), Event()

    @launcher.celery.task  # type: ignore[untyped-decorator]
    def wait() -> None:
        begun.set()
        may_end.wait(30)

    with start_worker(launcher.celery, pool="threads", perform_ping_check=False) as worker:
        told(launcher, run, "STARTED", {"hostname": worker.hostname, "pid": 1})
        assert launcher.check_run_worker_health(run).status is FAILED
        wait.apply_async(task_id=run.tags[DAGSTER_CELERY_TASK_ID_TAG], queue="dagster")
        assert begun.wait(30)
        assert launcher.check_run_worker_health(run).status is RUNNING
        may_end.set()


@pytest.mark.usefixtures("nobody_answers")
def test_a_worker_that_gives_no_answer_is_waited_for_while_the_run_says_something(
    launcher: CeleryRunLauncher, run: dg.DagsterRun
) -> None:
    told(launcher, run, "STARTED", {"hostname": "celery@nowhere", "pid": 1})
    assert launcher.check_run_worker_health(run).status is RUNNING


def test_a_run_that_the_queue_has_forgotten_goes_on_while_it_says_something(
    launcher: CeleryRunLauncher, run: dg.DagsterRun
) -> None:
    assert launcher.check_run_worker_health(run).status is RUNNING


@pytest.mark.usefixtures("nobody_answers", "fell_silent")
def test_when_neither_says_anything_both_are_dead(launcher: CeleryRunLauncher, run: dg.DagsterRun) -> None:
    assert launcher.check_run_worker_health(run).status is FAILED
    told(launcher, run, "STARTED", {"hostname": "celery@nowhere", "pid": 1})
    assert launcher.check_run_worker_health(run).status is FAILED


def test_a_run_that_somebody_cancels_is_one_that_is_being_cancelled(
    launcher: CeleryRunLauncher, instance: dg.DagsterInstance, run: dg.DagsterRun
) -> None:
    assert launcher.terminate(run.run_id)
    found = instance.get_run_by_id(run.run_id)
    assert found
    assert found.status is dg.DagsterRunStatus.CANCELING


def test_a_run_that_has_ended_cannot_be_cancelled(
    launcher: CeleryRunLauncher, instance: dg.DagsterInstance
) -> None:
    run = create_run_for_test(instance, status=dg.DagsterRunStatus.SUCCESS)
    assert not launcher.terminate(run.run_id)
