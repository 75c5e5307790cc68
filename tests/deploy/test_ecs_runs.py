"""How Dagster's launcher starts, watches and ends runs on ECS, in moto, with the rights of the template.

moto's IAM counts a right to one task as none, and looks at no condition: what the launcher was seen to ask is
put to `tests.deploy.iam` instead, with the policies as moto has them attached.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import dagster as dg
import pytest
import yaml
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.events import DagsterEvent, DagsterEventType, EngineEventData
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher.base import LaunchRunContext, WorkerStatus
from dagster._core.origin import DEFAULT_DAGSTER_ENTRY_POINT, JobPythonOrigin, RepositoryPythonOrigin
from dagster._grpc.types import ExecuteRunArgs
from moto import mock_aws
from moto.ecs.models import ecs_backends

from duo_pipeline.defs import dead_runs
from tests.defs.test_schedules import asset, ended_process
from tests.deploy.ecs_stack import NAME, TEMPLATE, EcsStack
from tests.deploy.iam import Call, allows
from tests.deploy.stack import ACCOUNT, REGION, client
from tests.deploy.stack import NAME as PIPELINE_STACK

AWS = TEMPLATE.parent
ECS = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
CLUSTER = f"{ECS}:cluster/{NAME}"
RUN_TASK = f"{ECS}:task-definition/{NAME}-run:1"
SECRETS = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:"
LONGEST_OVERRIDES = 8192
"""How many characters ECS takes for the overrides of a task definition in RunTask."""
SETTINGS: dict[str, Any] = yaml.safe_load((AWS / "dagster.yaml").read_text())
ORIGIN = JobPythonOrigin(
    "telephony",
    RepositoryPythonOrigin(
        "/opt/dagster/venv/bin/python",
        ModuleCodePointer("duo_pipeline.definitions", "defs", "/opt/dagster/home"),
        None,
        DEFAULT_DAGSTER_ENTRY_POINT,
    ),
)


@pytest.fixture
def stack() -> Iterator[EcsStack]:
    with mock_aws(config={"core": {"mock_credentials": False}}):
        yield EcsStack()


@pytest.fixture
def stack_of_many() -> Iterator[EcsStack]:
    """One whose image has a file of accounts."""
    with mock_aws(config={"core": {"mock_credentials": False}}):
        yield EcsStack(AccountsFile="/opt/dagster/home/accounts.yaml")


@contextmanager
def metadata_of(task: str) -> Iterator[str]:
    """Serve what ECS tells the processes of a task about it."""

    class Metadata(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"Cluster": CLUSTER, "TaskARN": task}).encode())

        def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002 - its name

    with ThreadingHTTPServer(("127.0.0.1", 0), Metadata) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@dataclass
class Dagster:
    """An instance with the launcher of dagster.yaml, as a service of the stack has it.

    Attributes:
        instance: The instance, with a folder in place of the database.
        calls: What its launcher has asked of AWS.
    """

    instance: dg.DagsterInstance
    calls: list[Call]

    @property
    def launcher(self) -> Any:
        return self.instance.run_launcher

    def launched(self) -> dg.DagsterRun:
        """A run that the launcher has started."""
        job = dg.define_asset_job("telephony", selection=[asset])
        run = self.instance.create_run_for_job(
            dg.Definitions(assets=[asset], jobs=[job]).resolve_job_def("telephony"),
            asset_selection=frozenset([asset.key]),
            job_code_origin=ORIGIN,
        )
        self.launcher.launch_run(LaunchRunContext(run, None))
        found = self.instance.get_run_by_id(run.run_id)
        assert found is not None
        return found


def call_of(params: Mapping[str, Any], model: Any) -> Call:
    """The call, with the ARN of what it names by its parts."""
    named = {}
    if "logStreamName" in params:
        group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{params['logGroupName']}"
        named["arn"] = f"{group}:log-stream:{params['logStreamName']}"
    return Call(model.service_model.signing_name, model.name, {**named, **params})


@contextmanager
def service_of(
    stack: EcsStack, name: str, role: str, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Dagster]:
    """Be the process of a service, with its variables, its role and its task."""
    calls: list[Call] = []
    session = boto3.session.Session()
    session.events.register(
        "provide-client-params.*",
        lambda params, model, **_: calls.append(call_of(params, model)),
    )
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
    with metadata_of(stack.start(name)["taskArn"]) as metadata:
        for key, value in {**stack.environment(name), "ECS_CONTAINER_METADATA_URI_V4": metadata}.items():
            monkeypatch.setenv(key, value)
        for key, value in stack.keys(role).environment.items():
            monkeypatch.setenv(key, value)
        overrides = {name: SETTINGS[name] for name in ("run_launcher", "run_monitoring", "run_retries")}
        with dg.instance_for_test(overrides=overrides, temp_dir=str(storage)) as instance:
            yield Dagster(instance, calls)


@pytest.fixture
def daemon(stack: EcsStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dagster]:
    with service_of(stack, "daemon", "DaemonRole", tmp_path, monkeypatch) as dagster:
        yield dagster


def ecs_task(run: dg.DagsterRun) -> dict[str, Any]:
    (task,) = client("ecs").describe_tasks(cluster=NAME, tasks=[run.tags["ecs/task_arn"]])["tasks"]
    return dict(task)


def kill(run: dg.DagsterRun, last_words: str) -> None:
    """End the process of a run, as when it takes too much memory."""
    arn = run.tags["ecs/task_arn"]
    client("ecs").stop_task(cluster=NAME, task=arn)
    ecs_backends[ACCOUNT][REGION].tasks[NAME][arn].containers[0].exitCode = 137
    stream = f"run/run/{arn.rsplit('/', 1)[1]}"
    client("logs").create_log_stream(logGroupName=NAME, logStreamName=stream)
    event = {"timestamp": int(datetime.now(UTC).timestamp() * 1000), "message": last_words}
    client("logs").put_log_events(logGroupName=NAME, logStreamName=stream, logEvents=[event])


def test_a_run_is_the_task_of_the_template_where_the_daemon_is(stack: EcsStack, daemon: Dagster) -> None:
    task = ecs_task(daemon.launched())
    assert task["taskDefinitionArn"] == RUN_TASK
    assert task["launchType"] == "FARGATE"
    (override,) = task["overrides"]["containerOverrides"]
    assert override["name"] == stack.container("run")["name"]
    assert override["command"][:3] == ["dagster", "api", "execute_run"]
    assert override.keys() == {"name", "command"}
    (asked,) = [call.params for call in daemon.calls if call.operation == "RunTask"]
    assert asked["networkConfiguration"]["awsvpcConfiguration"] == {
        "subnets": stack.private[:1],
        "securityGroups": [stack.resources["TaskGroup"]],
        "assignPublicIp": "DISABLED",
    }


def test_what_the_daemon_does_with_runs_it_may_and_each_of_its_rights_it_needs(
    stack: EcsStack, daemon: Dagster
) -> None:
    run, killed = daemon.launched(), daemon.launched()
    assert daemon.launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    kill(killed, "out of memory")
    health = daemon.launcher.check_run_worker_health(killed)
    assert health.status is WorkerStatus.FAILED
    assert "out of memory" in health.msg
    assert daemon.launcher.terminate(run.run_id)
    assert ecs_task(run)["desiredStatus"] == "STOPPED"
    policies = stack.policies("DaemonRole")
    assert [call for call in daemon.calls if not allows(policies, call)] == []
    rights = {
        action
        for document in policies
        for statement in document["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    asked_for_by_ecs_itself = {"ecs:TagResource", "iam:PassRole"}
    assert {call.action for call in daemon.calls} == rights - asked_for_by_ecs_itself


def test_a_run_gets_its_name_and_its_roles_from_the_daemon(stack: EcsStack, daemon: Dagster) -> None:
    run = daemon.launched()
    tags = [call.params["tags"] for call in daemon.calls if call.operation == "RunTask"]
    assert tags == [
        [{"key": "dagster/run_id", "value": run.run_id}, {"key": "dagster/job_name", "value": "telephony"}]
    ]
    policies = stack.policies("DaemonRole")
    tag = Call("ecs", "TagResource", {"resourceArn": run.tags["ecs/task_arn"]})
    assert allows(policies, tag, **{"ecs:CreateAction": "RunTask"})
    for arn in (stack.task("run")["taskRoleArn"], stack.task("run")["executionRoleArn"]):
        hand_over = Call("iam", "PassRole", {"RoleArn": arn})
        assert allows(policies, hand_over, **{"iam:PassedToService": "ecs-tasks.amazonaws.com"})


def test_the_web_server_ends_a_run_and_starts_none(
    stack: EcsStack, daemon: Dagster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = daemon.launched()
    with service_of(stack, "webserver", "WebServerRole", tmp_path, monkeypatch) as web_server:
        assert web_server.launcher.terminate(run.run_id)
    policies = stack.policies("WebServerRole")
    assert web_server.calls
    assert [call for call in web_server.calls if not allows(policies, call)] == []
    (start,) = [call for call in daemon.calls if call.operation == "RunTask"]
    assert allows(stack.policies("DaemonRole"), start)
    assert not allows(policies, start)


def test_the_tick_takes_no_run_of_ecs_for_dead_whose_process_is_on_another_machine(daemon: Dagster) -> None:
    run = daemon.launched()
    instance = daemon.instance
    of_another_machine = EngineEventData.in_process(ended_process())
    instance.report_engine_event("Started process for run.", run, of_another_machine)
    started = DagsterEvent(DagsterEventType.RUN_START.value, "telephony")
    instance.report_dagster_event(started, run.run_id)
    now = datetime.now(UTC)
    assert dead_runs.end_dead_runs(instance, asset, [], now) == []
    assert dead_runs.end_dead_runs(instance, asset, [], now + timedelta(minutes=61)) == [run.run_id]


def test_the_code_server_and_the_runs_open_the_instance_without_rights_in_ecs(
    stack: EcsStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("code-server", "run"):
        assert "DAGSTER_RUN_TASK" not in stack.environment(name)
    monkeypatch.delenv("DAGSTER_RUN_TASK", raising=False)
    overrides = {name: SETTINGS[name] for name in ("run_launcher", "run_monitoring", "run_retries")}
    with dg.instance_for_test(overrides=overrides) as instance:
        assert dead_runs.end_dead_runs(instance, asset, [], datetime.now(UTC)) == []
        assert dg.materialize([dg.asset(lambda: None, name="any")], instance=instance).success


def test_what_ecs_is_told_of_a_run_is_not_too_long_and_has_no_secret(
    stack: EcsStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in stack.environment("daemon"):
        monkeypatch.setenv(name, os.environ.get(name, "any"))
    monkeypatch.setenv("DAGSTER_POSTGRES_PASSWORD", "a-word")
    arguments = ExecuteRunArgs(ORIGIN, "0" * 36, InstanceRef.from_dir(str(AWS)))
    command = arguments.get_command_args()
    told = json.dumps({"containerOverrides": [{"name": "run", "command": command}]})
    assert len(told) < LONGEST_OVERRIDES * 0.75
    assert "a-word" not in told


def test_with_a_file_of_accounts_the_runs_read_their_secrets_themselves(
    stack_of_many: EcsStack,
) -> None:
    stack = stack_of_many
    assert stack.secrets("run").keys() == {"DAGSTER_POSTGRES_PASSWORD"}
    for name in ("code-server", "run"):
        assert stack.environment(name)["DUO_ACCOUNTS_FILE"] == "/opt/dagster/home/accounts.yaml"
    role = stack.task("run")["taskRoleArn"]
    assert role == stack.pipeline.outputs["PipelineRoleArn"]

    def read(arn: str) -> Call:
        return Call("secretsmanager", "GetSecretValue", {"SecretId": arn})

    policies = stack.pipeline.pipeline().policies
    assert allows(policies, read(f"{SECRETS}{PIPELINE_STACK}/globex-A1b2C3"))
    assert not allows(policies, read(f"{SECRETS}globex-A1b2C3"))
    assert not allows(policies, read(stack.secrets("run")["DAGSTER_POSTGRES_PASSWORD"]))
