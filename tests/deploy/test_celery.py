"""deploy/celery/: what can be said of it without containers."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config
from dagster._core.instance.ref import InstanceRef
from dotenv import dotenv_values

from duo_pipeline.instance.celery_launcher import CeleryRunLauncher
from tests.deploy.test_compose import COMPOSE, DEPLOY, run

CELERY = DEPLOY / "celery"
FILE: dict[str, Any] = yaml.safe_load((CELERY / "compose.yaml").read_text())
SERVICES: dict[str, Any] = FILE["services"]
DAGSTER = {"code-server", "daemon", "webserver", "worker"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "PORT", "PASSWORD"):
        monkeypatch.setenv(f"DAGSTER_POSTGRES_{name}", "1")
    for name in SERVICES["worker"]["environment"]:
        monkeypatch.setenv(name, "redis://127.0.0.1:1/0")


def test_the_compose_file_is_one_by_the_specifications_schema() -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", CELERY / "compose.yaml")


def test_the_settings_are_those_of_one_machine_but_for_who_runs_the_runs() -> None:
    config, _ = dagster_instance_config(str(CELERY))
    of_one, _ = dagster_instance_config(str(COMPOSE))
    assert config["run_launcher"]["class"] == CeleryRunLauncher.__name__
    for one in (config, of_one):
        del one["concurrency"]["runs"]
    assert {**config, "run_launcher": None} == {**of_one, "run_launcher": None}


def test_dagster_launches_with_them() -> None:
    launcher = InstanceRef.from_dir(str(CELERY)).run_launcher
    assert isinstance(launcher, CeleryRunLauncher)
    assert launcher.celery.conf.broker_url == launcher.celery.conf.result_backend == "redis://127.0.0.1:1/0"


def test_each_process_of_dagsters_reads_them_and_knows_the_queue() -> None:
    for name in DAGSTER:
        assert {"CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"} <= SERVICES[name]["environment"].keys()
    assert [name for name, service in SERVICES.items() if "build" in service] == ["webserver"]
    given = SERVICES["webserver"]["build"]["args"]
    assert "celery" in given["EXTRAS"].split(",")
    assert DEPLOY / given["SETTINGS"] == CELERY
    text = (DEPLOY / "Containerfile").read_text()
    assert "deploy/${SETTINGS}/dagster.yaml" in text


def test_a_worker_is_what_the_code_server_is_and_takes_as_many_runs_as_the_settings_count_on() -> None:
    worker = SERVICES["worker"]
    assert worker["extends"] == {"file": "compose.yaml", "service": "code-server"}
    config, _ = dagster_instance_config(str(CELERY))
    runs = config["concurrency"]["runs"]["max_concurrent_runs"]
    assert f"--concurrency={runs}" in worker["command"]
    assert "--disable-prefetch" in worker["command"], "else a run waits behind another one"


def test_a_worker_that_is_made_anew_has_its_old_name() -> None:
    worker = SERVICES["worker"]
    assert worker["uts"] == "host"
    assert "celery@$$(hostname)" in worker["healthcheck"]["test"][1]


def test_the_queue_and_the_database_are_reached_only_at_the_private_address_and_with_a_password() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {
        "postgres": ["${PRIVATE_ADDRESS:?}:5432:5432"],
        "redis": ["${PRIVATE_ADDRESS:?}:6379:6379"],
    }
    command = SERVICES["redis"]["command"]
    assert command[command.index("--requirepass") + 1] == "${REDIS_PASSWORD:?}"


def test_what_is_in_the_queue_survives_a_power_failure() -> None:
    command = " ".join(SERVICES["redis"]["command"])
    assert "--appendonly yes --appendfsync always" in command
    (volume,) = SERVICES["redis"]["volumes"]
    name, _, folder = volume.partition(":")
    assert (name in FILE["volumes"], folder) == (True, "/data")


def test_the_queue_can_neither_write_its_files_nor_gain_rights() -> None:
    redis = SERVICES["redis"]
    assert redis["read_only"]
    assert redis["cap_drop"] == ["ALL"]
    assert redis["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"redis:\d+\.\d+\.\d+-bookworm", redis["image"])


def test_the_example_names_each_variable_that_the_file_needs() -> None:
    needed = set(re.findall(r"\$\{(\w+)", (CELERY / "compose.yaml").read_text()))
    example = dotenv_values(COMPOSE / ".env.example").keys() | dotenv_values(CELERY / ".env.example").keys()
    assert needed <= example


def test_the_example_names_both_files() -> None:
    files = str(dotenv_values(CELERY / ".env.example")["COMPOSE_FILE"]).split(":")
    assert [(COMPOSE / Path(file)).resolve() for file in files] == [
        folder / "compose.yaml" for folder in (COMPOSE, CELERY)
    ]
