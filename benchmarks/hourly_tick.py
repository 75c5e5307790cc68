"""Many accounts on one machine: the processes of deploy/compose/, a real PostgreSQL, and a Duo for each."""

import multiprocessing
import os
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.queues import Queue
from pathlib import Path
from urllib.request import urlopen

import dagster as dg
import psutil

from duo_pipeline.defs.partitions import HOUR, hours_between, key_of
from duo_pipeline.instants import unix_ms
from duo_pipeline.sandbox.accounts import Accounts
from duo_pipeline.sandbox.knobs import Fault, Knobs
from duo_pipeline.sandbox.sandbox import Sandbox
from tests.cli.test_ui import ask, until
from tests.production.conftest import FOREIGN, minute_of_tick
from tests.production.estate import LOCATION
from tests.production.machine import Machine
from tests.production.postgres import Postgres
from tests.proof.test_daemon import _serves

START_SECONDS = 60
SEEN_SECONDS = 150
"""How long after the start the tick comes: the daemon looks once a minute for new schedules."""
LONGEST_SECONDS = 1800
LIMITED = Knobs(faults=(Fault(kind="429", times=100_000),))


@dataclass(frozen=True)
class Accounting:
    """What a tick of all accounts costs.

    Attributes:
        landed: For each sound account, the seconds from the first run's request until it had landed.
        asked_for: The seconds in which the runs were requested.
        peak_mib: The peak memory of all Dagster processes together; a shared page counts once.
        runs: How many runs there were.
        database_kib: How much Dagster's database has grown for each run.
    """

    landed: Mapping[str, float]
    asked_for: float
    peak_mib: float
    runs: int
    database_kib: float


def tick(
    folder: Path,
    count: int,
    hours: int,
    *,
    bad: Collection[str] = (),
    limited: Collection[str] = (),
    hour_by_hour: bool = False,
) -> Accounting:
    """Let the hourly schedules of ``count`` accounts request ``hours`` hours each, and wait for them to land.

    Args:
        folder: For all data; must be empty.
        count: How many accounts there are: ``account_1`` and so on.
        hours: How many settled hours each has.
        bad: The accounts with a wrong key.
        limited: The accounts that Duo refuses because of too many requests.
        hour_by_hour: Whether to request the hours one by one, as by many ticks, and not as one range.

    Raises:
        RuntimeError: A feed does not have what its Duo shows.
    """
    names = [f"account_{number}" for number in range(1, count + 1)]
    sound = [name for name in names if name not in {*bad, *limited}]
    now = datetime.now(UTC)
    read_at = now if hour_by_hour else now + timedelta(seconds=SEEN_SECONDS)
    settle = minute_of_tick(now + timedelta(minutes=30) if hour_by_hour else read_at)
    end = (read_at - timedelta(minutes=settle)).replace(minute=0, second=0, microsecond=0)
    first = end - hours * HOUR
    duos_of = _duos(names, folder, limited)
    with duos_of as duos, Postgres() as postgres, Sandbox(folder / "sandbox") as sandbox:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)},
            **sandbox.environment,
            **postgres.environment,
            **duos.environment,
            **{f"DUO_SKEY_{name.upper()}": "somebody-has-mistyped-this" for name in bad},
            "S3_WORK_PREFIX": "duo-telephony-work/",
            "DUO_PARTITIONS_START": key_of(first),
            "DUO_LOOKBACK_HOURS": str(hours + 24),
            "DUO_SETTLE_MINUTES": str(settle),
            "DUO_RETRY_BASE_SECONDS": "30",
        }
        machine = Machine(folder / "machine", environment)
        with machine, _peak(machine) as peak:
            os.environ.update(machine.environment)
            with dg.DagsterInstance.get() as instance:
                empty = postgres.size()
                if hour_by_hour:
                    _request(machine, names, hours_between(first, end - HOUR))
                runs = _wait(instance, count * (hours if hour_by_hour else 1), limited)
                grown = (postgres.size() - empty) / 1024 / len(runs)
        for name in sound:
            _look_at(sandbox, duos.urls[name], name, first, end)
    created = [run.create_timestamp.timestamp() for run in runs]
    ended = dict[str, float]()
    for run in runs:
        name = run.dagster_run.tags["duo_account"]
        ended[name] = max(ended.get(name, 0.0), run.end_time or 0.0)
    landed = {name: ended[name] - min(created) for name in sound}
    return Accounting(landed, max(created) - min(created), peak[0], len(runs), grown)


@dataclass(frozen=True)
class _Duos:
    environment: dict[str, str]
    urls: dict[str, str]


@contextmanager
def _duos(names: Collection[str], folder: Path, limited: Collection[str]) -> Iterator[_Duos]:
    """Run the emulated Duos in another process: in this one they would slow the benchmark down."""
    context = multiprocessing.get_context("spawn")
    answers: Queue[_Duos] = context.Queue()
    duos = context.Process(target=_serve, args=(names, folder, limited, answers), daemon=True)
    duos.start()
    try:
        yield answers.get(timeout=START_SECONDS)
    finally:
        duos.terminate()
        duos.join()


def _serve(names: Collection[str], folder: Path, limited: Collection[str], answers: "Queue[_Duos]") -> None:
    with Accounts(names, folder / "accounts.yaml") as accounts:
        for name in limited:
            accounts.apis[name].knobs = LIMITED
        answers.put(_Duos(accounts.environment, accounts.urls))
        threading.Event().wait(LONGEST_SECONDS)


def _request(machine: Machine, names: Collection[str], hours: Sequence[datetime]) -> None:
    """Request a run for each hour of each account, hour by hour."""
    if not until(lambda: _serves(machine.url), START_SECONDS):
        raise RuntimeError(f"Dagster's web server has not come up: {machine.log('webserver')}")
    query = "mutation Ask($run: ExecutionParams!) {launchRun(executionParams: $run) {__typename}}"
    for hour in hours:
        for name in names:
            run = {
                "selector": {**LOCATION, "jobName": f"telephony_{name}"},
                "executionMetadata": {"tags": [{"key": "dagster/partition", "value": key_of(hour)}]},
            }
            answer = ask(machine.url, query, {"run": run})
            if answer["launchRun"]["__typename"] != "LaunchRunSuccess":
                raise RuntimeError(f"Dagster refuses the run: {answer}")


def _wait(instance: dg.DagsterInstance, count: int, limited: Collection[str]) -> list[dg.RunRecord]:
    """Wait until there are ``count`` runs, and all have ended except those of accounts that Duo refuses."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < deadline:
        time.sleep(1)
        runs = [run for run in instance.get_run_records() if "duo_account" in run.dagster_run.tags]
        at_work = {run.dagster_run.tags["duo_account"] for run in runs if not run.dagster_run.is_finished}
        if len(runs) >= count and at_work <= {*limited}:
            return runs
    raise RuntimeError(f"After {LONGEST_SECONDS} s the accounts had not landed")


@contextmanager
def _peak(machine: Machine) -> Iterator[list[float]]:
    """Measure once a second how much memory the machine's processes use, in MiB."""
    peak, ended = [0.0], threading.Event()

    def look() -> None:
        while not ended.wait(1):
            peak[0] = max(peak[0], sum(map(_pss, machine.processes())) / 2**20)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield peak
    finally:
        ended.set()
        looking.join()


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0  # it has ended


def _look_at(sandbox: Sandbox, url: str, name: str, first: datetime, end: datetime) -> None:
    """Check that the account's feed has as many lines as its Duo has records."""
    span = f"mintime={unix_ms(first)}&maxtime={unix_ms(end)}"
    with urlopen(f"{url}/sandbox/records?{span}", timeout=START_SECONDS) as response:
        shown = sum(1 for _ in response)
    landed, client = 0, sandbox.s3.client()
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=sandbox.bucket, Prefix=f"duo-telephony/{name}/"
    )
    for page in pages:
        for one in page.get("Contents", []):
            body = client.get_object(Bucket=sandbox.bucket, Key=one["Key"])["Body"].read()
            landed += body.count(b"\n")
    if landed != shown:
        raise RuntimeError(f"{name}: {landed} lines have landed, but Duo has {shown} records")
