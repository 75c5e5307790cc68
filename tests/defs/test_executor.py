"""The executor, in runs like those that a backfill in the UI starts."""

import multiprocessing
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.reconstruct import ReconstructableRepository

from duo_pipeline.cli.local_instance import local_instance
from duo_pipeline.defs.schedules import run_request
from duo_pipeline.sandbox.accounts import Accounts
from duo_pipeline.sandbox.knobs import Fault, Knobs
from duo_pipeline.sandbox.log import FixedLog
from tests.records import settled_hour, spread
from tests.test_definitions import TOP

NAMES = ("acme", "globex", "initech")
TAGS = run_request(settled_hour(3), settled_hour(2)).tags


@dataclass
class Ran:
    """How each step has ended, and whether there was a process for each."""

    ends: dict[str | None, str]
    in_processes: bool


@pytest.fixture
def duos(tmp_path: Path, settings: pytest.MonkeyPatch) -> Iterator[Accounts]:
    settings.setenv("DUO_RETRY_ATTEMPTS", "2")
    settings.setenv("DAGSTER_HOME", str(local_instance(tmp_path / "home")))
    with Accounts(NAMES, tmp_path / "accounts.yaml") as duos:
        for name, value in duos.environment.items():
            settings.setenv(name, value)
        yield duos


@pytest.fixture
def in_a_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this process one that may start no processes, as a Celery worker is."""
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)  # type: ignore[attr-defined]


def run(*assets: str) -> Ran:
    """Run assets for two hours."""
    return run_job("duo_pipeline.definitions", "__ASSET_JOB", *assets)


def run_job(module: str, job: str, *assets: str) -> Ran:
    """Run a job, or these assets of it, as the process does that Dagster starts for a run."""
    with dg.DagsterInstance.get() as instance, pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, module, None)
        del sys.modules[module]  # it reads its settings when it is imported
        # Dagster keeps jobs of equal repositories: the name of an image, which nobody uses, tells them apart
        repository = ReconstructableRepository(
            ModuleCodePointer(module, "defs", str(TOP)), container_image=instance.root_directory
        )
        with dg.execute_job(
            repository.get_reconstructable_job(job),
            instance,
            tags=TAGS if assets else {},
            asset_selection=[dg.AssetKey(key.split("/")) for key in assets] or None,
        ) as result:
            events = result.all_events
    ends = {event.step_key: event.event_type_value for event in events if event.is_step_event}
    messages = [event.message or "" for event in events if event.is_engine_event]
    return Ran(ends, any("multiprocess executor" in message for message in messages))


def test_accounts_are_read_side_by_side_and_one_that_duo_refuses_holds_up_no_other(duos: Accounts) -> None:
    for api in duos.apis.values():
        api.log = FixedLog(spread(settled_hour(3), 60, hours=2))
        api.knobs = Knobs(page_size=10, faults=(Fault(kind="stall", seconds=1, times=1000),))
    duos.apis["globex"].knobs = Knobs(faults=(Fault(kind="429", times=1000),))
    ran = run(*(f"{name}/telephony_ndjson" for name in NAMES), "acme/telephony_udm", "globex/telephony_udm")
    assert ran.in_processes
    assert {step: end for step, end in ran.ends.items() if end != "STEP_SUCCESS"} == {
        "globex__telephony_ndjson": "STEP_FAILURE",
        **{step: "STEP_SKIPPED" for step in ran.ends if step and step.startswith("globex__telephony_udm")},
    }
    asked = [[request.at for request in duos.apis[name].requests] for name in ("acme", "initech")]
    assert max(map(min, asked)) < min(map(max, asked)), "each has begun before the other had ended"


@pytest.mark.usefixtures("duos")
def test_one_account_is_read_without_another_process() -> None:
    ran = run("acme/telephony_ndjson", "acme/telephony_udm")
    assert not ran.in_processes
    assert set(ran.ends.values()) == {"STEP_SUCCESS"}


@pytest.mark.usefixtures("duos", "in_a_daemon")
def test_where_no_process_may_be_started_accounts_are_read_one_after_the_other() -> None:
    ran = run("acme/telephony_ndjson", "initech/telephony_ndjson", "initech/telephony_udm")
    assert not ran.in_processes
    assert set(ran.ends.values()) == {"STEP_SUCCESS"}


@pytest.mark.parametrize(
    ("job", "in_processes"), [("logs_of_acme", False), ("logs_of_two", True), ("ops", True)]
)
@pytest.mark.usefixtures("duos")
def test_all_logs_of_an_account_are_read_in_one_process_and_each_step_without_an_asset_in_its_own(
    job: str, in_processes: bool
) -> None:
    ran = run_job("tests.defs.two_logs", job)
    assert ran.in_processes == in_processes
    assert set(ran.ends.values()) == {"STEP_SUCCESS"}
