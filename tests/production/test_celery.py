"""Eight accounts on four of Celery's workers, as deploy/celery/ has them, on real Redis and PostgreSQL."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import dagster as dg
import pytest

from duo_pipeline.partitions import HOUR, hours_between, key_of
from duo_pipeline.sandbox.knobs import Fault, Knobs
from duo_pipeline.sandbox.sandbox import Sandbox
from duo_pipeline.settings import HourSettings
from tests.cli.test_ui import until
from tests.production.conftest import FOREIGN, minute_of_tick
from tests.production.machine import Machine
from tests.production.postgres import Postgres
from tests.production.redis import Redis
from tests.proof.test_daemon import Running, _serves, _worker

pytestmark = pytest.mark.production

ACCOUNTS = ("acme", "globex", "hooli", "initech", "massive", "soylent", "umbrella", "wayne")
WORKERS = 4
HOURS = 24
ANSWER = timedelta(seconds=1)
SLOW = Knobs(page_size=50, faults=(Fault(kind="stall", seconds=ANSWER.total_seconds(), times=10_000),))
PATIENCE = 180.0
TASK_ID = "dagster-celery/task_id"


@dataclass
class Estate:
    """The accounts, and what reads them."""

    machine: Machine
    redis: Redis
    dagster: Running

    @property
    def hours(self) -> list[datetime]:
        first = self.dagster.hours.start
        return hours_between(first, first + (HOURS - 1) * HOUR)

    @property
    def runs(self) -> list[dg.DagsterRun]:
        """The runs, the newest first."""
        return list(self.dagster.instance.get_runs())

    def asked(self, account: str) -> list[datetime]:
        """When the account's Duo was asked."""
        return [request.at for request in self.dagster.sandbox.accounts.apis[account].requests]

    def asked_at_once(self) -> int:
        """How many accounts' Duos have been asked at one time, at most."""
        begins = [at for account in ACCOUNTS for at in self.asked(account)]
        return max((sum(at <= begin < at + ANSWER for at in begins) for begin in begins), default=0)

    def reads_on(self) -> bool:
        """Wait until Duos are asked for some further pages."""
        pages = sum(len(self.asked(account)) for account in ACCOUNTS)
        return until(lambda: sum(len(self.asked(account)) for account in ACCOUNTS) >= pages + 8, PATIENCE)

    def started(self) -> dg.DagsterRun:
        """Wait for the oldest run that is at work."""
        found: list[dg.DagsterRun] = []

        def is_there() -> bool:
            found[:] = [run for run in self.runs if run.status is dg.DagsterRunStatus.STARTED]
            return bool(found)

        assert until(is_there, PATIENCE)
        return found[-1]

    def worker_of(self, run: dg.DagsterRun) -> str:
        queue = self.dagster.instance.run_launcher.celery  # type: ignore[attr-defined]
        return str(queue.backend.get_task_meta(run.tags[TASK_ID])["result"]["hostname"]).partition("@")[0]

    def has_ended_as(self, run: dg.DagsterRun, status: dg.DagsterRunStatus) -> bool:
        def has_ended() -> bool:
            found = self.dagster.instance.get_run_by_id(run.run_id)
            return found is not None and found.status is status

        return until(has_ended, PATIENCE)

    def done(self) -> bool:
        return all(
            self.dagster.done(self.hours, dg.AssetKey([account, name]))
            for account in ACCOUNTS
            for name in ("telephony_ndjson", "telephony_udm")
        )


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    folder = tmp_path_factory.mktemp("celery")
    now = datetime.now(UTC)
    first = (now - (HOURS + 4) * HOUR).replace(minute=0, second=0, microsecond=0)
    hours = HourSettings(first, minute_of_tick(now + timedelta(minutes=30)), HOURS + 12, 1)
    with (
        Postgres() as postgres,
        Redis() as redis,
        Sandbox(folder / "sandbox", knobs=SLOW, account_names=ACCOUNTS) as sandbox,
    ):
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)},
            **sandbox.environment,
            **postgres.environment,
            **redis.environment,
            "S3_WORK_PREFIX": "duo-telephony-work/",
            "DUO_PARTITIONS_START": key_of(first),
            "DUO_LOOKBACK_HOURS": str(hours.lookback_hours),
            "DUO_SETTLE_MINUTES": str(hours.settle_minutes),
        }
        machine = Machine(folder / "machine", environment, WORKERS)
        with pytest.MonkeyPatch.context() as patch, machine:
            for name, value in machine.environment.items():
                patch.setenv(name, value)
            assert until(lambda: _serves(machine.url)), machine.log("webserver")
            with dg.DagsterInstance.get() as instance:
                yield Estate(machine, redis, Running(sandbox, instance, machine.url, hours))


def test_whatever_is_killed_in_a_backfill_of_eight_accounts_nothing_is_lost_or_doubled(
    estate: Estate,
) -> None:
    dagster = estate.dagster
    for account in ACCOUNTS:
        dagster.backfill(estate.hours, account)
    assert until(lambda: estate.asked_at_once() == WORKERS, PATIENCE), "each worker reads an account"
    assert len(estate.runs) == len(ACCOUNTS)

    killed = estate.started()
    estate.machine.kill(estate.worker_of(killed))
    assert estate.has_ended_as(killed, dg.DagsterRunStatus.FAILURE), "its worker has come back without it"

    assert estate.reads_on()
    estate.redis.kill()
    assert estate.reads_on(), "what is at work needs no queue"
    estate.redis.start()

    crashed = estate.started()
    os.kill(_worker(dagster.instance, crashed), signal.SIGKILL)
    assert estate.has_ended_as(crashed, dg.DagsterRunStatus.FAILURE), "its worker has told the queue"

    assert until(estate.done, PATIENCE), estate.runs
    assert until(lambda: all(run.is_finished for run in estate.runs), PATIENCE), estate.runs
    retried = {run.tags.get("dagster/parent_run_id") for run in estate.runs} - {None}
    assert retried == {killed.run_id, crashed.run_id}
    for account, url in dagster.sandbox.accounts.urls.items():
        shown = dagster.duo_ids(estate.hours, url)
        assert shown.total() > 0
        assert dagster.feed_ids(estate.hours, f"duo-telephony/{account}/") == shown


def test_the_accounts_are_read_side_by_side_each_by_one_run_at_a_time(estate: Estate) -> None:
    assert estate.asked_at_once() == WORKERS
    for account in ACCOUNTS:
        assert all(later - earlier >= ANSWER for earlier, later in pairwise(estate.asked(account)))


def test_a_run_that_is_cancelled_ends_so_and_keeps_what_it_has_done(estate: Estate) -> None:
    dagster = estate.dagster
    hours = hours_between(estate.hours[-1] + HOUR, estate.hours[-1] + 3 * HOUR)
    dagster.sandbox.accounts.apis["acme"].knobs = Knobs(page_size=10, faults=SLOW.faults)
    asked = len(estate.asked("acme"))
    dagster.backfill(hours, "acme")
    assert until(lambda: len(estate.asked("acme")) >= asked + 8, PATIENCE)
    run = estate.started()
    dagster.mutate("terminateRun(runId: $params)", "String!", run.run_id)
    assert estate.has_ended_as(run, dg.DagsterRunStatus.CANCELED)
    assert dagster.done(hours[:1], dg.AssetKey(["acme", "telephony_ndjson"]))
