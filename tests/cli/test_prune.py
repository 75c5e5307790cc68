"""`duo-pipeline prune`, over an instance with runs of many ages."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner
from dagster._core.events import DagsterEvent, DagsterEventType

from duo_pipeline.cli import main
from duo_pipeline.cli.local_instance import local_instance
from duo_pipeline.cli.prune import run_prune
from duo_pipeline.defs.tags import ACCOUNT

OURS = {ACCOUNT: "duo"}
NIGHTLY = {**OURS, "dagster/schedule_name": "telephony_reconcile"}
NDJSON = dg.AssetKey(["duo", "telephony_ndjson"])
THEIRS = dg.AssetKey(["other", "telephony_ndjson"])


@dg.asset
def any_asset() -> None: ...


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(local_instance(tmp_path / "home")))
    with dg.DagsterInstance.get() as instance:
        yield instance


def add(
    instance: dg.DagsterInstance,
    days: float,
    tags: dict[str, str] = OURS,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.SUCCESS,
    assets: frozenset[dg.AssetKey] | None = None,
) -> str:
    """Add a run from this many days ago, with an event."""
    job = dg.Definitions([any_asset], jobs=[dg.define_asset_job("any", [any_asset])]).resolve_job_def("any")
    run = instance.create_run_for_job(job, status=status, tags=tags)
    if assets:
        run = run._replace(asset_selection=assets)
    instance.delete_run(run.run_id)
    created = datetime.now(UTC) - timedelta(days=days)
    instance.run_storage.add_historical_run(run, created)
    instance.report_engine_event("something", run)
    return run.run_id


def prune(*options: str) -> str:
    result = CliRunner().invoke(main, ["prune", *options])
    assert result.exit_code == 0, result.output
    return result.output


def left(instance: dg.DagsterInstance) -> set[str]:
    return {run.run_id for run in instance.get_runs()}


def test_old_runs_are_deleted_with_their_events(instance: dg.DagsterInstance) -> None:
    gone = {add(instance, 201), add(instance, 201, {}, assets=frozenset({NDJSON}))}
    stay = {add(instance, 199), add(instance, 31)}
    assert prune() == "Deleted 2 runs older than 200 days.\n"
    assert left(instance) == stay
    assert not any(instance.all_logs(run_id) for run_id in gone)
    assert all(instance.all_logs(run_id) for run_id in stay)


def test_what_checks_have_said_in_them_is_deleted_too(instance: dg.DagsterInstance) -> None:
    key = dg.AssetCheckKey(NDJSON, "complete")
    old, young = add(instance, 201), add(instance, 199)
    for run_id in (old, young):
        said = dg.AssetCheckEvaluation(
            NDJSON, "complete", passed=True, metadata={}, severity=dg.AssetCheckSeverity.ERROR
        )
        event = DagsterEvent(DagsterEventType.ASSET_CHECK_EVALUATION.value, "any", event_specific_data=said)
        instance.report_dagster_event(event, run_id)
    prune()
    left = instance.event_log_storage.get_asset_check_execution_history(key, limit=9)
    assert [record.run_id for record in left] == [young]


def test_neither_a_run_at_work_nor_one_of_somebody_elses_is_touched(instance: dg.DagsterInstance) -> None:
    stay = {
        add(instance, 300, status=dg.DagsterRunStatus.STARTED),
        add(instance, 300, {}),
        add(instance, 300, {ACCOUNT: "other"}),
        add(instance, 300, {}, assets=frozenset({THEIRS})),
        add(instance, 300, {}, assets=frozenset({THEIRS, NDJSON})),
    }
    prune()
    assert left(instance) == stay


def test_more_than_a_page_of_them_are_deleted(
    instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(5):
        add(instance, 300)
    run_prune(days=200, page_size=2)
    assert capsys.readouterr().out.startswith("Deleted 5 runs")
    assert left(instance) == set()


def test_no_hour_that_duo_still_keeps_can_come_to_seem_missing() -> None:
    result = CliRunner().invoke(main, ["prune", "--days", "180"])
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("home", "wrong"),
    [("", "is not set"), ("relative", "is not an absolute path"), ("/no/such/folder", "is not a folder")],
)
def test_without_an_instance_it_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: str, wrong: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", home)
    result = CliRunner().invoke(main, ["prune"])
    assert result.exit_code == 1
    assert f"{wrong}: set it to the folder of the Dagster instance." in result.output
