"""A backfill over eight accounts on four of Celery's workers, in which everything is killed in turn."""

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import dagster as dg
import pytest

from duo_pipeline.defs.partitions import HOUR, hours_between
from duo_pipeline.instance.celery_launcher import CeleryRunLauncher
from duo_pipeline.sandbox.knobs import Fault, Knobs
from tests.cli.test_ui import until
from tests.production.estate import ACCOUNTS, Estate, estate
from tests.proof.test_daemon import _worker

pytestmark = pytest.mark.production

WORKERS = 4
ANSWER = timedelta(seconds=0.5)
SLOW = Knobs(page_size=10, faults=(Fault(kind="stall", seconds=ANSWER.total_seconds(), times=10_000),))
PATIENCE = 300.0
"""More than start_timeout_seconds in deploy/celery/dagster.yaml, and the polls that follow it."""
TOO_LATE = "START_TIMEOUT"
PAGES = 8
STARTED, FAILURE, CANCELED = (
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    with estate(tmp_path_factory.mktemp("celery"), SLOW, WORKERS) as running:
        yield running


def at_work(running: Estate) -> list[dg.DagsterRun]:
    return [run for run in running.runs if run.status is STARTED]


def asked_at_once(running: Estate) -> int:
    """Return the largest number of accounts that waited for an answer at the same time."""
    begins = running.asked()
    return max((sum(at <= begin < at + ANSWER for at in begins) for begin in begins), default=0)


def reads_on(running: Estate) -> bool:
    """Wait until the Duos have had requests for more pages."""
    asked = len(running.asked())
    return until(lambda: len(running.asked()) >= asked + PAGES, PATIENCE)


def ends_as(running: Estate, run: dg.DagsterRun, status: dg.DagsterRunStatus) -> bool:
    def has_ended() -> bool:
        found = running.dagster.instance.get_run_by_id(run.run_id)
        return found is not None and found.status is status

    return until(has_ended, PATIENCE)


def worker_of(running: Estate, run: dg.DagsterRun) -> str:
    launcher = running.dagster.instance.run_launcher
    assert isinstance(launcher, CeleryRunLauncher)
    task = launcher.celery.backend.get_task_meta(run.tags["dagster-celery/task_id"])
    return str(task["result"]["hostname"]).partition("@")[0]


def test_whatever_is_killed_nothing_is_lost_or_doubled_and_no_run_hangs(running: Estate) -> None:
    running.backfill(running.hours)
    assert until(lambda: len(running.runs) == len(ACCOUNTS), PATIENCE), "each account is a run"
    assert until(lambda: asked_at_once(running) == WORKERS, PATIENCE), "each worker reads an account"

    killed, crashed = at_work(running)[:2]
    running.machine.kill(worker_of(running, killed))
    os.kill(_worker(running.dagster.instance, crashed), signal.SIGKILL)
    assert ends_as(running, killed, FAILURE), "its worker has come back without it"
    assert ends_as(running, crashed, FAILURE), "its worker has told the queue"

    assert reads_on(running)
    running.redis.kill()
    assert reads_on(running), "what is at work needs no queue"
    running.redis.start()

    for name in ("daemon", "webserver"):
        assert reads_on(running)
        running.machine.kill(name)
    assert reads_on(running)
    running.postgres.kill()
    running.postgres.start()

    assert until(running.done, PATIENCE), running.story()
    assert until(lambda: all(run.is_finished for run in running.runs), PATIENCE), running.story()
    assert running.lost_and_doubled() == (0, 0)
    retried = {run.tags.get("dagster/parent_run_id") for run in running.runs} - {None}
    never_started = {run.run_id for run in running.runs if run.tags.get("dagster/failure_reason") == TOO_LATE}
    assert retried - never_started == {killed.run_id, crashed.run_id}, (
        "and no other run has failed, except one that the daemon was about to start when it was killed\n"
        f"{running.story()}"
    )


def test_the_accounts_are_read_side_by_side_each_by_one_run_at_a_time(running: Estate) -> None:
    assert asked_at_once(running) == WORKERS
    for account in ACCOUNTS:
        assert all(later - earlier >= ANSWER for earlier, later in pairwise(running.asked([account])))


def test_a_run_that_is_cancelled_ends_so_and_keeps_what_it_has_done(running: Estate) -> None:
    dagster = running.dagster
    hours = hours_between(running.hours[-1] + HOUR, running.hours[-1] + 3 * HOUR)
    duo = dagster.sandbox.accounts.apis["acme"]
    of_the_first = len(duo.log.placed(hours[0]))
    duo.knobs = Knobs(page_size=of_the_first + 1, faults=(Fault(kind="stall", seconds=30, after=1, times=9),))
    asked = len(running.asked())
    running.run("acme", hours)
    assert until(lambda: len(running.asked()) == asked + 2, PATIENCE)
    (run,) = at_work(running)
    dagster.mutate("terminateRun(runId: $params)", "String!", run.run_id)
    assert ends_as(running, run, CANCELED)
    assert dagster.done(hours[:1], dg.AssetKey(["acme", "telephony_ndjson"]))
