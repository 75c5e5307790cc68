"""Hours fetched by the real Dagster daemon, as users and schedules ask for them."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import dagster as dg
import pytest

from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs.partitions import HOUR, hourly, hours_between, key_of, last_settled
from duo_pipeline.instants import unix_ms
from duo_pipeline.sandbox.knobs import Fault, Knobs
from duo_pipeline.sandbox.log import GeneratedLog
from duo_pipeline.sandbox.sandbox import Sandbox
from tests.cli.test_ui import SELECTOR, ask, until

SHIPPED = Path(__file__).parents[2] / "deploy" / "local" / "dagster.yaml"
NDJSON, UDM = (dg.AssetKey(["duo", name]) for name in ("telephony_ndjson", "telephony_udm"))
LOOKBACK = 5
PATIENCE = 170.0


@dataclass
class Running:
    """Dagster over the sandbox."""

    sandbox: Sandbox
    instance: dg.DagsterInstance
    url: str
    hours: HourSettings

    @property
    def old_hours(self) -> list[datetime]:
        """The hours of the first backfill."""
        return hours_between(self.hours.start, self.hours.start + 11 * HOUR)

    def status(self, hours: list[datetime], asset: dg.AssetKey = NDJSON) -> list[str]:
        keys = [key_of(hour) for hour in hours]
        found = self.instance.get_status_by_partition(asset, keys, hourly(self.hours.start)) or {}
        return [one.value if (one := found.get(key)) else "MISSING" for key in keys]

    def done(self, hours: list[datetime], asset: dg.AssetKey = NDJSON) -> bool:
        return set(self.status(hours, asset)) == {"MATERIALIZED"}

    def queries(self, hours: list[datetime]) -> int:
        """Return how many requests asked for exactly these hours."""
        asked = (str(unix_ms(hours[0])), str(unix_ms(hours[-1] + HOUR)))
        return sum(
            (one.params["mintime"], one.params["maxtime"]) == asked for one in self.sandbox.api.requests
        )

    def runs_of(self, hours: list[datetime]) -> list[dg.DagsterRun]:
        tags = {"dagster/asset_partition_range_start": key_of(hours[0])}
        return list(self.instance.get_runs(dg.RunsFilter(tags=tags)))

    def backfill(self, hours: list[datetime]) -> None:
        """Request the hours of both assets, as the UI's dialog does."""
        params: dict[str, Any] = {
            "assetSelection": [{"path": key.path} for key in (NDJSON, UDM)],
            "partitionNames": [key_of(hour) for hour in hours],
        }
        self.mutate("launchPartitionBackfill(backfillParams: $params)", "LaunchBackfillParams!", params)

    def re_execute_from_failure(self, run: dg.DagsterRun) -> None:
        params = {"parentRunId": run.run_id, "strategy": "FROM_FAILURE"}
        self.mutate("launchRunReexecution(reexecutionParams: $params)", "ReexecutionParams!", params)

    def mutate(self, call: str, kind: str, params: Any) -> None:
        answer = ask(
            self.url,
            f"mutation Ask($params: {kind}) {{{call} {{__typename ... on PythonError {{message}}}}}}",
            {"params": params},
        )
        assert all(
            one["__typename"].startswith(("Launch", "TerminateRunSuccess")) for one in answer.values()
        ), answer

    def feed_ids(self, hours: list[datetime], feed: str = "duo-telephony/") -> Counter[str]:
        client = self.sandbox.s3.client()
        found: Counter[str] = Counter()
        for hour in hours:
            prefix = f"{feed}dt={hour:%Y-%m-%d}/hour={hour:%H}/"
            for one in client.list_objects_v2(Bucket=self.sandbox.bucket, Prefix=prefix).get("Contents", []):
                body = client.get_object(Bucket=self.sandbox.bucket, Key=one["Key"])["Body"].read()
                found.update(json.loads(line)["telephony_id"] for line in body.splitlines())
        return found

    def duo_ids(self, hours: list[datetime], duo_url: str = "") -> Counter[str]:
        span = f"mintime={unix_ms(hours[0])}&maxtime={unix_ms(hours[-1] + HOUR)}"
        with urlopen(f"{duo_url or self.sandbox.duo_url}/sandbox/records?{span}") as response:
            return Counter(json.loads(line)["telephony_id"] for line in response)


@pytest.fixture(scope="module")
def dagster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("dagster")
    home = folder / "home"
    home.mkdir()
    shutil.copy(SHIPPED, home)
    now = datetime.now(UTC)
    tick = (now + timedelta(seconds=90)).minute
    start = (now - timedelta(days=4)).replace(hour=0, minute=0, second=0, microsecond=0)
    hours = HourSettings(start, tick if tick >= 2 else tick + 60, LOOKBACK, 1, 0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with Sandbox(folder / "sandbox", log=GeneratedLog(records_per_day=2000)) as sandbox:
        foreign = ("DUO_", "S3_", "AWS_", "DAGSTER_")
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(foreign)},
            **sandbox.environment,
            "DAGSTER_HOME": str(home),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
            "DUO_RETRY_ATTEMPTS": "2",
            "DUO_PARTITIONS_START": key_of(start),
            "DUO_LOOKBACK_HOURS": str(LOOKBACK),
            "DUO_SETTLE_MINUTES": str(hours.settle_minutes),
        }
        command = [sys.executable, "-m", "dagster", "dev", "-m", "duo_pipeline.definitions"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*command, "-h", "127.0.0.1", "-p", str(port)],
                cwd=home,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            url = f"http://127.0.0.1:{port}"
            assert until(lambda: _serves(url)), (folder / "log").read_text()
            with dg.DagsterInstance.from_config(str(home)) as instance:
                running = Running(sandbox, instance, url, hours)
                running.backfill(running.old_hours)  # the daemon takes its time, so ask before it is needed
                yield running
        finally:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _serves(url: str) -> bool:
    with suppress(OSError):
        found = ask(url, f"{{repositoryOrError(repositorySelector: {SELECTOR}) {{__typename}}}}")
        return bool(found["repositoryOrError"]["__typename"] == "Repository")
    return False


def test_hours_that_nobody_fetched_while_the_daemon_was_down_come_with_the_next_tick_in_one_query(
    dagster: Running,
) -> None:
    def settled() -> list[datetime]:
        return last_settled(dagster.hours, datetime.now(UTC), LOOKBACK)

    assert until(lambda: dagster.done(settled(), UDM), PATIENCE), dagster.status(settled(), UDM)
    hours = settled()
    assert len(hours) == LOOKBACK
    assert dagster.queries(hours) == -(-dagster.duo_ids(hours).total() // 1000)
    assert len(dagster.runs_of(hours)) == 1
    assert dagster.feed_ids(hours) == dagster.duo_ids(hours)


def test_a_backfill_launched_from_the_ui_is_one_run_and_one_query(dagster: Running) -> None:
    hours = dagster.old_hours
    assert until(lambda: dagster.done(hours, UDM), PATIENCE), dagster.status(hours, UDM)
    assert dagster.done(hours)
    assert len(dagster.runs_of(hours)) == 1
    assert dagster.queries(hours) == -(-dagster.duo_ids(hours).total() // 1000)
    assert dagster.feed_ids(hours) == dagster.duo_ids(hours)


def test_a_run_that_fails_midway_keeps_what_came_and_is_finished_by_re_executing_it_from_failure(
    dagster: Running,
) -> None:
    first = dagster.hours.start + 30 * HOUR
    hours = hours_between(first, first + 5 * HOUR)
    whole = hours[:2]
    page_size = dagster.duo_ids(whole).total() + 1
    dagster.sandbox.api.knobs = Knobs(page_size=page_size, faults=(Fault(kind="503", after=1, times=1000),))
    dagster.backfill(hours)
    expected = ["MATERIALIZED"] * 2 + ["FAILED"] * 4
    assert until(lambda: dagster.status(hours) == expected, PATIENCE), dagster.status(hours)
    assert until(lambda: dagster.done(whole, UDM), PATIENCE), "the events of the hours that came follow"
    dagster.sandbox.api.knobs = Knobs()
    failed = next(run for run in dagster.runs_of(hours) if run.status == dg.DagsterRunStatus.FAILURE)
    dagster.re_execute_from_failure(failed)
    assert until(lambda: dagster.done(hours, UDM), PATIENCE), dagster.status(hours, UDM)
    assert dagster.queries(hours[2:]) == 1, "what the first try recorded is not asked for again"
    assert dagster.feed_ids(hours) == dagster.duo_ids(hours)


def test_a_killed_run_is_taken_up_again_without_a_person(dagster: Running) -> None:
    first = dagster.hours.start + 50 * HOUR
    hours = hours_between(first, first + 3 * HOUR)
    dagster.sandbox.api.knobs = Knobs(faults=(Fault(kind="stall", seconds=25),))
    asked = len(dagster.sandbox.api.requests)
    dagster.backfill(hours)
    worker = 0

    def found() -> bool:
        nonlocal worker
        worker = next((pid for run in dagster.runs_of(hours) if (pid := _worker(dagster.instance, run))), 0)
        return (
            bool(worker)
            and dagster.status(hours)[0] == "IN_PROGRESS"
            and len(dagster.sandbox.api.requests) > asked
        )

    assert until(found, PATIENCE)
    dagster.sandbox.api.knobs = Knobs()
    os.kill(worker, signal.SIGKILL)
    assert until(lambda: dagster.done(hours, UDM), PATIENCE), dagster.status(hours, UDM)
    assert dagster.done(hours)
    retry, killed = dagster.runs_of(hours)
    assert killed.status == dg.DagsterRunStatus.FAILURE
    assert retry.tags["dagster/parent_run_id"] == killed.run_id
    assert dagster.feed_ids(hours) == dagster.duo_ids(hours)


def _worker(instance: dg.DagsterInstance, run: dg.DagsterRun) -> int:
    """Return the process id of a run's worker, or 0.

    Its command line does not name the run; that of the `tail` of its compute logs does.
    """
    for entry in instance.all_logs(run.run_id):
        event = entry.dagster_event
        if event and event.is_engine_event and (pid := event.engine_event_data.metadata.get("pid")):
            return int(str(pid.value))
    return 0
