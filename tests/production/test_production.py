"""The processes of deploy/compose/compose.yaml on a real PostgreSQL, and each of them killed at work."""

import os
import signal
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from duo_pipeline.sandbox.knobs import Knobs
from tests.cli.test_ui import ask, until
from tests.production.conftest import Production, minute_of_tick
from tests.proof.test_daemon import UDM, _serves, _worker

pytestmark = pytest.mark.production

STARTED, FAILURE = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE
PATIENCE = 180.0
PAGES = 4
EVALUATED = "completed iteration with status"
"""What the daemon's log says when it has looked after a backfill, with the code at hand."""


def reads_on(production: Production) -> bool:
    """Wait until Duo has had requests for more pages."""
    requests = production.dagster.sandbox.api.requests
    asked = len(requests)
    return until(lambda: len(requests) >= asked + PAGES, PATIENCE)


def answers(production: Production) -> bool:
    """Return whether the UI, the storage behind it and the code server answer."""
    with suppress(OSError):
        return _serves(production.machine.url)
    return False


def open_runs(production: Production) -> list[dg.DagsterRun]:
    return [run for run in production.dagster.instance.get_runs() if not run.is_finished]


def status(production: Production, run: dg.DagsterRun) -> dg.DagsterRunStatus | None:
    found = production.dagster.instance.get_run_by_id(run.run_id)
    return found.status if found else None


def test_whatever_is_killed_in_a_backfill_nothing_is_lost_or_doubled_and_no_run_hangs(
    production: Production,
) -> None:
    machine, dagster = production.machine, production.dagster
    dagster.backfill(production.hours)

    assert reads_on(production)
    (first,) = dagster.runs_of(production.hours)
    os.kill(_worker(dagster.instance, first), signal.SIGKILL)
    assert until(lambda: len(dagster.runs_of(production.hours)) == 2, PATIENCE), "Dagster retries the run"
    assert status(production, first) is FAILURE
    retry, _ = dagster.runs_of(production.hours)

    for name in ("daemon", "webserver"):
        assert reads_on(production)
        machine.kill(name)
        assert until(lambda: answers(production), PATIENCE), machine.log(name)

    assert reads_on(production)
    production.postgres.kill()
    production.postgres.start()
    assert until(lambda: answers(production), PATIENCE), machine.log("webserver")
    assert reads_on(production)
    assert [run.run_id for run in open_runs(production)] == [retry.run_id], "the run has outlived all of it"

    evaluated = machine.log("daemon").count(EVALUATED)
    for name in ("code-server", "daemon"):
        machine.kill(name)
    assert until(lambda: machine.log("daemon").count(EVALUATED) > evaluated, PATIENCE), backfills(production)
    assert backfills(production) == ["REQUESTED"], "it waited for the code to load"

    tick = minute_of_tick(datetime.now(UTC) + timedelta(seconds=75))
    machine.environment["DUO_SETTLE_MINUTES"] = str(tick)
    machine.kill("code-server")
    assert until(lambda: answers(production), PATIENCE), machine.log("code-server")
    assert [run.status for run in open_runs(production)] == [STARTED], "nobody has told Dagster yet"
    dagster.sandbox.api.knobs = Knobs()

    assert until(lambda: dagster.done(production.hours, UDM), PATIENCE), dagster.status(production.hours, UDM)
    assert until(lambda: not open_runs(production), PATIENCE), open_runs(production)
    assert status(production, retry) is FAILURE
    assert dagster.done(production.hours)
    assert dagster.feed_ids(production.hours) == dagster.duo_ids(production.hours)
    assert until(lambda: "REQUESTED" not in backfills(production), PATIENCE), backfills(production)


def backfills(production: Production) -> list[str]:
    query = "{partitionBackfillsOrError {... on PartitionBackfills {results {status}}}}"
    found = ask(production.machine.url, query)["partitionBackfillsOrError"]["results"]
    return [one["status"] for one in found]


def test_the_output_of_runs_and_nothing_else_of_dagsters_is_in_the_bucket(production: Production) -> None:
    sandbox = production.dagster.sandbox
    pages = sandbox.s3.client().get_paginator("list_objects_v2").paginate(Bucket=sandbox.bucket)
    folders = {"/".join(one["Key"].split("/")[:2]) for page in pages for one in page["Contents"]}
    assert {folder.partition("=")[0] for folder in folders} == {
        "duo-telephony/dt",
        "duo-telephony-work/check",
        "duo-telephony-work/feed.json",
        "duo-telephony-work/journal",
        "duo-telephony-work/storage",
        "duo-telephony-work/udm",
    }


def test_the_processes_write_nothing_where_the_containers_could_not(production: Production) -> None:
    found = {path.name for path in production.machine.home.iterdir()}
    assert found == {"dagster.yaml", "workspace.yaml"}
