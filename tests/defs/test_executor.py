"""The executor, in runs like those that a backfill in the UI starts."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from duo_pipeline.cli.local_instance import local_instance
from duo_pipeline.defs.schedules import run_request
from duo_pipeline.sandbox.accounts import Accounts
from duo_pipeline.sandbox.knobs import Fault, Knobs
from duo_pipeline.sandbox.log import FixedLog
from tests.records import settled_hour, spread
from tests.test_definitions import run as run_program

NAMES = ("acme", "globex", "initech")
TAGS = run_request(settled_hour(3), settled_hour(2)).tags
RUN = f"""
import json, multiprocessing, sys
import dagster as dg
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.reconstruct import ReconstructableRepository
multiprocessing.current_process()._config["daemon"] = sys.argv[1] == "daemon"
pointer = ModuleCodePointer(sys.argv[2], "defs", None)
job = ReconstructableRepository(pointer).get_reconstructable_job(sys.argv[3])
assets = [dg.AssetKey(key.split("/")) for key in sys.argv[4:]]
tags = {TAGS!r} if assets else {{}}
with dg.DagsterInstance.get() as instance, dg.execute_job(
    job, instance, tags=tags, asset_selection=assets or None
) as result:
    steps = {{event.step_key: event.event_type_value for event in result.all_events if event.is_step_event}}
    print(json.dumps([steps, [event.message for event in result.all_events if event.is_engine_event]]))
"""


@dataclass
class Ran:
    """How each step has ended, and whether there was a process for each."""

    ends: dict[str, str]
    in_processes: bool


@pytest.fixture
def duos(tmp_path: Path, settings: pytest.MonkeyPatch) -> Iterator[Accounts]:
    settings.setenv("DUO_RETRY_ATTEMPTS", "2")
    settings.setenv("DAGSTER_HOME", str(local_instance(tmp_path / "home")))
    with Accounts(NAMES, tmp_path / "accounts.yaml") as duos:
        for name, value in duos.environment.items():
            settings.setenv(name, value)
        yield duos


def run(*names: str, kind: str = "run") -> Ran:
    """Run the accounts' assets for two hours."""
    assets = [f"{name}/{asset}" for name in names for asset in ("telephony_ndjson", "telephony_udm")]
    return run_job("duo_pipeline.definitions", "__ASSET_JOB", *assets, kind=kind)


def run_job(module: str, job: str, *assets: str, kind: str = "run") -> Ran:
    """Run a job, or these assets of it, in a process like the one that Dagster starts for a run."""
    done = run_program("python", "-W", "ignore", "-c", RUN, kind, module, job, *assets, PYTHONPATH=".")
    assert done.stdout, done.stderr
    ends, messages = json.loads(done.stdout)
    return Ran(ends, any("multiprocess executor" in message for message in messages))


def test_accounts_are_read_side_by_side_and_one_that_duo_refuses_holds_up_no_other(duos: Accounts) -> None:
    for api in duos.apis.values():
        api.log = FixedLog(spread(settled_hour(3), 60, hours=2))
        api.knobs = Knobs(page_size=10, faults=(Fault(kind="stall", seconds=1, times=1000),))
    duos.apis["globex"].knobs = Knobs(faults=(Fault(kind="429", times=1000),))
    ran = run(*NAMES)
    assert ran.in_processes
    assert {step: end for step, end in ran.ends.items() if end != "STEP_SUCCESS"} == {
        "globex__telephony_ndjson": "STEP_FAILURE",
        **{step: "STEP_SKIPPED" for step in ran.ends if step.startswith("globex__telephony_udm")},
    }
    asked = [[request.at for request in duos.apis[name].requests] for name in ("acme", "initech")]
    assert max(map(min, asked)) < min(map(max, asked)), "each has begun before the other had ended"


@pytest.mark.usefixtures("duos")
def test_one_account_is_read_without_another_process() -> None:
    ran = run("acme")
    assert not ran.in_processes
    assert set(ran.ends.values()) == {"STEP_SUCCESS"}


@pytest.mark.usefixtures("duos")
def test_where_no_process_may_be_started_accounts_are_read_one_after_the_other() -> None:
    ran = run("acme", "initech", kind="daemon")
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
