"""deploy/k8s/values.yaml: what Dagster says to the settings that the chart makes of it."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import dagster as dg
import yaml
from dagster._config import Field, validate_config
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.events import DagsterEvent, DagsterEventType, EngineEventData
from dagster._core.instance.config import (
    dagster_instance_config,
    dagster_instance_config_schema,
    validate_concurrency_config,
)
from dagster._core.launcher.base import LaunchRunContext
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster_aws.s3.compute_log_manager import S3ComputeLogManager
from dagster_k8s import K8sRunLauncher

from duo_pipeline.defs import dead_runs
from tests.defs.test_schedules import asset, ended_process

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: any
contexts: [{name: any, context: {cluster: any, user: any}}]
clusters: [{name: any, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: any, user: {token: any}}]
"""
DEPLOY = Path(__file__).parents[2] / "deploy"
TEXT = (DEPLOY / "k8s" / "values.yaml").read_text()
VALUES: dict[str, Any] = yaml.safe_load(TEXT)


def snake(values: dict[str, Any]) -> dict[str, Any]:
    """Name the values as Dagster does, which is what the chart does with them."""
    return {re.sub("([A-Z])", r"_\1", name).lower(): value for name, value in values.items()}


def settings() -> dict[str, Any]:
    coordinator = VALUES["dagsterDaemon"]["runCoordinator"]["config"]["customRunCoordinator"]
    return {
        "run_coordinator": coordinator,
        "run_monitoring": snake(VALUES["dagsterDaemon"]["runMonitoring"]),
        "telemetry": VALUES["telemetry"],
        "retention": {
            "schedule": snake(VALUES["retention"]["schedule"]),
            "sensor": snake(VALUES["retention"]["sensor"]),
            "auto_materialize": snake(VALUES["retention"]["autoMaterialize"]),
        },
        **VALUES["additionalInstanceConfig"],
    }


def assert_takes(part: Any, config: dict[str, Any]) -> None:
    found = validate_config(Field(part.config_type()).config_type, config)
    assert found.success, found.errors


def test_dagster_takes_the_settings() -> None:
    validate_concurrency_config(settings())
    found = validate_config(dagster_instance_config_schema(), settings())
    assert found.success, found.errors


def test_the_limits_and_the_retries_are_those_of_one_machine() -> None:
    shipped, _ = dagster_instance_config(str(DEPLOY / "local"))
    assert settings()["concurrency"]["pools"] == shipped["concurrency"]["pools"]
    assert settings()["run_retries"] == shipped["run_retries"]
    assert not VALUES["dagsterDaemon"]["runRetries"]["enabled"], "else the chart writes them a second time"


def test_an_open_backfill_waits_while_the_daemon_cannot_reach_the_code_server() -> None:
    variables = {one["name"]: one["value"] for one in VALUES["dagsterDaemon"]["env"]}
    assert variables["DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"]


def test_each_run_is_a_pod() -> None:
    assert VALUES["runLauncher"]["type"] == K8sRunLauncher.__name__
    config = {
        **snake(VALUES["runLauncher"]["config"]["k8sRunLauncher"]),
        # which the chart adds
        "service_account_name": "dagster",
        "instance_config_map": "dagster-instance",
        "dagster_home": "/opt/dagster/dagster_home",
    }
    assert_takes(K8sRunLauncher, config)


def test_the_output_of_runs_lies_below_the_work_prefix() -> None:
    assert VALUES["computeLogManager"]["type"] == S3ComputeLogManager.__name__
    config = snake(VALUES["computeLogManager"]["config"]["s3ComputeLogManager"])
    assert config["prefix"] == {"env": "S3_WORK_PREFIX"}
    assert_takes(S3ComputeLogManager, config)


def test_nothing_is_reached_from_outside_and_no_secret_stands_in_the_file() -> None:
    assert VALUES["ingress"] == {"enabled": False}
    assert "service" not in VALUES["dagsterWebserver"]
    assert "postgresqlPassword" not in VALUES["postgresql"]
    assert not VALUES["generatePostgresqlPasswordSecret"]
    assert "env" not in VALUES["dagster-user-deployments"]["deployments"][0]


def test_the_pods_of_the_pipeline_can_neither_write_their_files_nor_gain_rights() -> None:
    (deployment,) = VALUES["dagster-user-deployments"]["deployments"]
    assert deployment["podSecurityContext"] == {"runAsNonRoot": True}
    assert deployment["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert deployment["includeConfigInLaunchedRuns"] == {"enabled": True}, "and so can their runs"


def test_the_tick_takes_no_pod_for_dead_whose_process_is_on_another_machine(tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    cluster = MagicMock()
    code = RepositoryPythonOrigin(
        "python", ModuleCodePointer("duo_pipeline.definitions", "defs"), "duo-pipeline:0.1.0"
    )
    job = dg.define_asset_job("telephony", selection=[asset])
    with dg.instance_for_test() as instance:
        launcher = K8sRunLauncher(
            service_account_name="dagster",
            instance_config_map="dagster-instance",
            dagster_home="/opt/dagster/dagster_home",
            load_incluster_config=False,
            kubeconfig_file=str(tmp_path / "kubeconfig"),
            k8s_client_batch_api=cluster,
        )
        launcher.register_instance(instance)
        run = instance.create_run_for_job(
            dg.Definitions(assets=[asset], jobs=[job]).resolve_job_def("telephony"),
            asset_selection=frozenset([asset.key]),
            job_code_origin=JobPythonOrigin("telephony", code),
        )
        launcher.launch_run(LaunchRunContext(run, None))
        cluster.create_namespaced_job.assert_called_once()
        instance.report_engine_event("Started process.", run, EngineEventData.in_process(ended_process()))
        started = DagsterEvent(DagsterEventType.RUN_START.value, "telephony")
        instance.report_dagster_event(started, run.run_id)
        assert dead_runs.end_dead_runs(instance, asset, [], datetime.now(UTC)) == []


def test_the_file_of_accounts_is_where_the_documentation_says() -> None:
    (server,) = VALUES["dagster-user-deployments"]["deployments"]
    (volume,) = [one for one in server["volumes"] if one["name"] == "accounts"]
    (mount,) = [one for one in server["volumeMounts"] if one["name"] == "accounts"]
    text = (DEPLOY.parent / "docs" / "accounts.md").read_text()
    assert f"kubectl create configmap {volume['configMap']['name']} --from-file=accounts.yaml" in text
    assert f"DUO_ACCOUNTS_FILE={mount['mountPath']}/accounts.yaml" in text
    assert volume["configMap"]["optional"] is True
