"""deploy/aws/ecs.yaml: who reaches whom, who may do what, and what each task is given; deployed in moto.

moto's CloudFormation makes no Cognito, no Cloud Map, no secret and no rule for outgoing traffic: these are
read in the template, and `tests.deploy.stand_ins` stand for them.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cfnlint.api
import pytest
import yaml
from cfnlint.decode import cfn_yaml
from cfnlint.helpers import REGIONS
from dagster._core.instance.config import dagster_instance_config
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
from dagster._core.storage.compute_log_manager import ComputeIOType
from dagster._core.workspace.load_target import WorkspaceFileTarget
from moto import mock_aws

from duo_pipeline.config import settings
from duo_pipeline.config.account import DEFAULT_ACCOUNT
from tests.deploy.ecs_stack import NAME, TEMPLATE, UI_HOST, EcsStack
from tests.deploy.iam import Call, allows
from tests.deploy.stack import ACCOUNT, BUCKET, REGION, client
from tests.deploy.stack import NAME as PIPELINE_STACK
from tests.deploy.test_compose import run

AWS = TEMPLATE.parent
DEPLOY = AWS.parent
RESOURCES: dict[str, Any] = cfn_yaml.load(str(TEMPLATE))["Resources"]
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
SERVICES = {"webserver": "WebServer", "daemon": "Daemon", "code-server": "CodeServer"}
TASKS = [*SERVICES, "run"]
ROLES = ["WebServerRole", "DaemonRole"]
ECS = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
CLUSTER, OTHER_CLUSTER = f"{ECS}:cluster/{NAME}", f"{ECS}:cluster/other"
RUN_TASK, OTHER_TASK = f"{ECS}:task-definition/{NAME}-run:1", f"{ECS}:task-definition/other:1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/"
SECRETS = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:"
WITHOUT = {"cn-north-1", "cn-northwest-1", "ca-west-1"}
"""Regions without Cognito, or without the database's class."""


def secret(name: str) -> Call:
    return Call("secretsmanager", "GetSecretValue", {"SecretId": f"{SECRETS}{name}-A1b2C3"})


def run_task(task: str = RUN_TASK, cluster: str = CLUSTER) -> Call:
    return Call("ecs", "RunTask", {"taskDefinition": task, "cluster": cluster})


NOBODY = [
    run_task(OTHER_TASK),
    run_task(f"{ECS}:task-definition/{NAME}-webserver:1"),
    run_task(cluster=OTHER_CLUSTER),
    Call("ecs", "StopTask", {"task": f"{ECS}:task/other/1", "cluster": OTHER_CLUSTER}),
    Call("ecs", "DescribeTasks", {"tasks": [f"{ECS}:task/other/1"], "cluster": OTHER_CLUSTER}),
    Call("ecs", "RegisterTaskDefinition", {"family": f"{NAME}-run"}),
    Call("ecs", "UpdateService", {"service": f"{ECS}:service/{NAME}/Daemon"}),
    Call("ecs", "ExecuteCommand", {"cluster": CLUSTER, "task": f"{ECS}:task/{NAME}/1"}),
    Call("ecs", "TagResource", {"resourceArn": f"{ECS}:task/{NAME}/1"}),
    Call("iam", "PassRole", {"RoleArn": f"{ROLE}admin"}),
    Call("iam", "CreateRole", {"RoleName": "new"}),
    Call("sts", "AssumeRole", {"RoleArn": f"{ROLE}admin"}),
    secret(f"{PIPELINE_STACK}/duo-admin-api"),
    secret("other"),
    Call("secretsmanager", "ListSecrets"),
    Call("s3", "PutObject", {"Bucket": BUCKET, "Key": "duo-telephony/a"}),
    Call("s3", "GetObject", {"Bucket": BUCKET, "Key": "duo-telephony/a"}),
    Call("s3", "GetObject", {"Bucket": BUCKET, "Key": "duo-telephony-work/udm/a"}),
    Call("s3", "ListObjectsV2", {"Bucket": BUCKET, "Prefix": "duo-telephony/"}),
    Call("sns", "Publish", {"TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:other"}),
    Call("logs", "GetLogEvents", {"arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:other:log-stream:any"}),
]


@pytest.fixture(scope="module")
def stack() -> Iterator[EcsStack]:
    with mock_aws(config={"core": {"mock_credentials": False}}):
        yield EcsStack()


def properties(resource: str) -> Any:
    return RESOURCES[resource]["Properties"]


def of_type(name: str) -> dict[str, Any]:
    return {key: one["Properties"] for key, one in RESOURCES.items() if one["Type"] == name}


def test_cfn_lint_finds_nothing_in_any_region_that_has_cognito() -> None:
    regions = [region for region in REGIONS if region not in WITHOUT]
    assert cfnlint.api.lint(TEMPLATE.read_text(), regions=regions) == []


# ---- what runs


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_runs_the_command_of_compose_and_says_whether_it_is_well(
    stack: EcsStack, name: str
) -> None:
    container, same = stack.container(name), COMPOSE["services"][name]
    assert container["command"] == same["command"]
    assert container["healthCheck"]["command"] == same["healthcheck"]["test"]
    service = properties(SERVICES[name])
    assert service["TaskDefinition"] == {"Ref": f"{SERVICES[name]}Task"}
    assert service["LaunchType"] == "FARGATE"
    assert service["DesiredCount"] == 1


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_starts_once_it_may_do_what_it_must(name: str) -> None:
    task = properties(f"{SERVICES[name]}Task")
    roles = [task["ExecutionRoleArn"], task["TaskRoleArn"]]
    own = {role["Fn::GetAtt"][0] for role in roles if "Fn::GetAtt" in role}
    policies = {
        policy
        for policy, said in of_type("AWS::IAM::ManagedPolicy").items()
        if own & {role["Ref"] for role in said["Roles"]}
    }
    rules = [*of_type("AWS::EC2::SecurityGroupEgress").items()]
    rules += of_type("AWS::EC2::SecurityGroupIngress").items()
    ways = {rule for rule, said in rules if group_of(said) == "TaskGroup"}
    assert policies | ways <= set(RESOURCES[SERVICES[name]]["DependsOn"])


def test_there_are_never_two_daemons() -> None:
    assert properties("Daemon")["DeploymentConfiguration"]["MaximumPercent"] == 100


def test_an_open_backfill_waits_while_the_daemon_cannot_reach_the_code_server(stack: EcsStack) -> None:
    assert stack.environment("daemon")["DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"]


@pytest.mark.parametrize("name", TASKS)
def test_no_task_can_write_its_files_or_gain_rights(stack: EcsStack, name: str) -> None:
    container = stack.container(name)
    assert container["readonlyRootFilesystem"] is True
    assert container["user"] == (DEPLOY / "Containerfile").read_text().split()[-1]
    assert container["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
    assert [mount["containerPath"] for mount in container["mountPoints"]] == ["/tmp"]
    assert "privileged" not in container


@pytest.mark.parametrize("name", TASKS)
def test_what_a_task_prints_is_kept_for_a_month(stack: EcsStack, name: str) -> None:
    assert stack.container(name)["logConfiguration"] == {
        "logDriver": "awslogs",
        "options": {
            "awslogs-group": stack.resources["Logs"],
            "awslogs-region": REGION,
            "awslogs-stream-prefix": name,
        },
    }
    (group,) = client("logs").describe_log_groups()["logGroups"]
    assert group["retentionInDays"] == 30


# ---- what it is given


@pytest.mark.parametrize("name", TASKS)
def test_each_task_has_the_variables_of_dagsters_settings(stack: EcsStack, name: str) -> None:
    named = set(re.findall(r"env: (\w+)", (AWS / "dagster.yaml").read_text()))
    given = stack.environment(name).keys() | stack.secrets(name).keys()
    launcher = {"DAGSTER_RUN_TASK"} if name in ("webserver", "daemon") else set()
    assert named - {"DAGSTER_RUN_TASK"} | launcher <= given
    assert "DAGSTER_POSTGRES_PASSWORD" in stack.secrets(name)


def test_a_run_has_the_settings_that_the_first_template_puts_out(stack: EcsStack) -> None:
    environment = stack.environment("run")
    assert stack.pipeline.settings.items() <= environment.items()
    keys = {"DUO_IKEY": "DI", "DUO_SKEY": "secret", "DUO_API_HOST": "api-12345678.duosecurity.com"}
    assert keys.keys() == stack.secrets("run").keys() - {"DAGSTER_POSTGRES_PASSWORD"}
    duo, feed = settings.duo_and_feed(DEFAULT_ACCOUNT.texts({**environment, **keys}))
    assert duo.host.name == keys["DUO_API_HOST"]
    assert (feed.bucket, feed.prefix) == (BUCKET, "duo-telephony/")
    assert settings.alerts(environment).ui_url == f"https://{UI_HOST}"
    assert stack.environment("code-server") == environment


def test_duos_keys_come_from_the_secret_of_the_first_template_and_only_to_runs(stack: EcsStack) -> None:
    arn = stack.pipeline.outputs["DuoSecretArn"]
    for name in ("DUO_IKEY", "DUO_SKEY", "DUO_API_HOST"):
        assert stack.secrets("run")[name] == f"{arn}:{name}::"
    for name in SERVICES:
        assert stack.secrets(name).keys() == {"DAGSTER_POSTGRES_PASSWORD"}
        assert not any(key.startswith("DUO_") for key in stack.environment(name))


# ---- who may do what


def database_secret(stack: EcsStack) -> str:
    return stack.secrets("run")["DAGSTER_POSTGRES_PASSWORD"]


@pytest.mark.parametrize("role", ROLES)
def test_a_service_may_do_nothing_else(stack: EcsStack, role: str) -> None:
    assert [call for call in NOBODY if allows(stack.policies(role), call)] == []


def test_the_daemon_passes_on_two_roles_and_only_to_ecs(stack: EcsStack) -> None:
    policies = stack.policies("DaemonRole")
    own = Call("iam", "PassRole", {"RoleArn": stack.role_arn("DaemonRole")})
    of_runs = Call("iam", "PassRole", {"RoleArn": stack.task("run")["taskRoleArn"]})
    assert not allows(policies, own, **{"iam:PassedToService": "ecs-tasks.amazonaws.com"})
    assert not allows(policies, of_runs, **{"iam:PassedToService": "ec2.amazonaws.com"})
    assert not allows(policies, of_runs)


def test_the_web_server_shows_the_output_of_runs_and_nothing_else_of_the_bucket(
    stack: EcsStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**stack.environment("webserver"), "DAGSTER_POSTGRES_PASSWORD": "any"}.items():
        monkeypatch.setenv(name, value)
    logs: Any = InstanceRef.from_dir(str(AWS)).compute_log_manager
    key = logs._s3_key(["run", "compute_logs", "step"], ComputeIOType.STDOUT)
    show = Call("s3", "GetObject", {"Bucket": BUCKET, "Key": key})
    find = Call("s3", "ListObjectsV2", {"Bucket": BUCKET, "Prefix": key.rsplit("/", 1)[0]})
    assert allows(stack.policies("WebServerRole"), show)
    assert allows(stack.policies("WebServerRole"), find)
    assert not allows(stack.policies("DaemonRole"), show)


def test_ecs_hands_over_two_secrets_and_no_other(stack: EcsStack) -> None:
    policies = stack.policies("ExecutionRole")
    duo = {value.split(":DUO_")[0] for key, value in stack.secrets("run").items() if key.startswith("DUO_")}
    for arn in {*duo, database_secret(stack)}:
        assert allows(policies, Call("secretsmanager", "GetSecretValue", {"SecretId": arn}))
    assert not allows(policies, secret("other"))
    assert not allows(policies, secret(f"{PIPELINE_STACK}/globex"))
    for name in TASKS:
        assert stack.task(name)["executionRoleArn"] == stack.role_arn("ExecutionRole")


def test_only_tasks_take_the_roles(stack: EcsStack) -> None:
    for resource in ("ExecutionRole", *ROLES):
        role = client("iam").get_role(RoleName=stack.resources[resource])["Role"]
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}


def test_each_task_has_the_role_that_is_meant_for_it(stack: EcsStack) -> None:
    assert stack.task("webserver")["taskRoleArn"] == stack.role_arn("WebServerRole")
    assert stack.task("daemon")["taskRoleArn"] == stack.role_arn("DaemonRole")
    for name in ("code-server", "run"):
        assert stack.task(name)["taskRoleArn"] == stack.pipeline.outputs["PipelineRoleArn"]


# ---- who reaches whom


def ways_in() -> set[tuple[str, str, int]]:
    """From whom to whom, and to which port, by the rules for incoming traffic."""
    inline = [
        {**rule, "GroupId": {"Fn::GetAtt": [name, "GroupId"]}}
        for name, group in of_type("AWS::EC2::SecurityGroup").items()
        for rule in group["SecurityGroupIngress"]
    ]
    rules = [*inline, *of_type("AWS::EC2::SecurityGroupIngress").values()]
    return {(peer(rule, "SourceSecurityGroupId"), group_of(rule), port(rule)) for rule in rules}


def ways_out() -> set[tuple[str, str, int]]:
    """The same by the rules for outgoing traffic."""
    inline = [
        {**rule, "GroupId": {"Fn::GetAtt": [name, "GroupId"]}}
        for name, group in of_type("AWS::EC2::SecurityGroup").items()
        for rule in group["SecurityGroupEgress"]
    ]
    rules = [*inline, *of_type("AWS::EC2::SecurityGroupEgress").values()]
    return {
        (group_of(rule), peer(rule, "DestinationSecurityGroupId"), port(rule))
        for rule in rules
        if rule.get("CidrIp") != "127.0.0.1/32"
    }


def group_of(rule: Any) -> str:
    return str(rule["GroupId"]["Fn::GetAtt"][0])


def peer(rule: Any, other: str) -> str:
    return str(rule[other]["Fn::GetAtt"][0] if other in rule else rule["CidrIp"])


def port(rule: Any) -> int:
    assert rule["IpProtocol"] == "tcp"
    assert rule["FromPort"] == rule["ToPort"]
    return int(rule["FromPort"])


def test_people_reach_the_load_balancer_and_nothing_else() -> None:
    within = {
        ("LoadBalancerGroup", "TaskGroup", 3000),
        ("TaskGroup", "TaskGroup", 4000),
        ("TaskGroup", "DatabaseGroup", 5432),
    }
    everywhere = "0.0.0.0/0"
    assert ways_in() == {(everywhere, "LoadBalancerGroup", 443), *within}
    assert ways_out() == {("LoadBalancerGroup", everywhere, 443), ("TaskGroup", everywhere, 443), *within}


@pytest.mark.parametrize("name", SERVICES.values())
def test_a_service_has_no_public_address(name: str) -> None:
    network = properties(name)["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network == {
        "AssignPublicIp": "DISABLED",
        "Subnets": {"Ref": "PrivateSubnets"},
        "SecurityGroups": [{"Fn::GetAtt": ["TaskGroup", "GroupId"]}],
    }


@pytest.mark.usefixtures("stack")
def test_nobody_gets_to_the_ui_without_the_login() -> None:
    (balancer,) = client("elbv2").describe_load_balancers()["LoadBalancers"]
    (listener,) = client("elbv2").describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    assert (listener["Protocol"], listener["Port"]) == ("HTTPS", 443)
    login, forward = listener["DefaultActions"]
    assert (login["Type"], forward["Type"]) == ("authenticate-cognito", "forward")
    assert [action["Order"] for action in properties("UiListener")["DefaultActions"]] == [1, 2]
    assert login["AuthenticateCognitoConfig"]["OnUnauthenticatedRequest"] == "authenticate"
    rules = client("elbv2").describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    assert [rule["IsDefault"] for rule in rules] == [True]
    assert of_type("AWS::ElasticLoadBalancingV2::ListenerRule") == {}
    assert [name for name in SERVICES.values() if "LoadBalancers" in properties(name)] == ["WebServer"]


def test_nobody_can_sign_up_or_log_in_with_only_a_password() -> None:
    people = properties("People")
    assert people["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert (people["MfaConfiguration"], people["EnabledMfas"]) == ("ON", ["SOFTWARE_TOKEN_MFA"])
    assert properties("PeopleClient")["CallbackURLs"] == [{"Fn::Sub": "https://${UiHost}/oauth2/idpresponse"}]


# ---- what is kept


@pytest.mark.usefixtures("stack")
def test_the_database_is_encrypted_saved_and_not_deleted_by_mistake() -> None:
    (database,) = client("rds").describe_db_instances()["DBInstances"]
    assert database["StorageEncrypted"]
    assert not database["PubliclyAccessible"]
    assert database["BackupRetentionPeriod"] >= 7
    assert properties("Database")["DeletionProtection"] is True
    assert RESOURCES["Database"]["DeletionPolicy"] == "Snapshot"
    assert RESOURCES["Database"]["UpdateReplacePolicy"] == "Snapshot"
    assert f"postgres:{database['EngineVersion']}-" in COMPOSE["services"]["postgres"]["image"]


def test_the_password_of_the_database_stands_nowhere() -> None:
    password = properties("Database")["MasterUserPassword"]
    assert password == {"Fn::Sub": "{{resolve:secretsmanager:${DatabasePassword}}}"}
    assert properties("DatabasePassword").keys() == {"Description", "GenerateSecretString"}
    parameters = cfn_yaml.load(str(TEMPLATE))["Parameters"]
    assert not any(re.search("password|key|secret", name, re.IGNORECASE) for name in parameters)


# ---- the image


def test_the_linter_has_nothing_to_say_of_the_image() -> None:
    assert run("hadolint", "--strict-labels", AWS / "Containerfile") == ""


def test_the_image_has_the_files_where_dagster_looks_for_them() -> None:
    text = (AWS / "Containerfile").read_text()
    ((names, folder),) = re.findall(r"^COPY (.*) (\S+)$", text, re.MULTILINE)
    assert {"dagster.yaml", "workspace.yaml"} <= set(names.split())
    home = re.search(r"DAGSTER_HOME=(\S+)", (DEPLOY / "Containerfile").read_text())
    assert home is not None
    assert folder.rstrip("/") == home.group(1)
    (_, accounts) = cfn_yaml.load(str(TEMPLATE))["Parameters"]["AccountsFile"]["AllowedValues"]
    assert str(Path(accounts).parent) == home.group(1)
    assert any(Path(accounts).match(name) for name in names.split())
    assert re.search(r"^VOLUME /tmp$", text, re.MULTILINE)
    assert "USER" not in text, "it stays that of the image below"


@pytest.fixture
def config(stack: EcsStack, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    variables = {**stack.environment("daemon"), **stack.keys("DaemonRole").environment}
    for name, value in {**variables, "DAGSTER_POSTGRES_PASSWORD": "any"}.items():
        monkeypatch.setenv(name, value)
    found, _ = dagster_instance_config(str(AWS))
    return dict(found)


def test_dagster_takes_its_settings_and_they_are_those_of_one_machine_but_for_the_runs(
    config: dict[str, Any],
) -> None:
    of_compose, _ = dagster_instance_config(str(DEPLOY / "compose"))
    assert config["run_launcher"]["class"] == "EcsRunLauncher"
    assert config["concurrency"]["pools"] == of_compose["concurrency"]["pools"]
    assert config["run_monitoring"]["enabled"]
    assert config["run_monitoring"]["max_resume_run_attempts"] == 0
    assert config["storage"]["custom"]["config"]["postgres_db"]["params"] == {"sslmode": "require"}
    for name in ("run_coordinator", "run_retries", "retention", "compute_logs", "telemetry"):
        assert config[name] == of_compose[name], name


@pytest.mark.usefixtures("config")
def test_dagster_takes_the_settings_of_the_launcher(stack: EcsStack) -> None:
    launcher: Any = InstanceRef.from_dir(str(AWS)).run_launcher
    assert launcher.task_definition == stack.environment("daemon")["DAGSTER_RUN_TASK"]
    assert launcher.secrets_tags == []


def test_the_workspace_names_the_code_server_as_the_network_does(stack: EcsStack) -> None:
    (origin,) = WorkspaceFileTarget([str(AWS / "workspace.yaml")]).create_origins()
    assert isinstance(origin, GrpcServerCodeLocationOrigin)
    name, zone = properties("CodeServerName"), properties("Names")
    assert origin.host == f"{name['Name']}.{zone['Name']}"
    command = stack.container("code-server")["command"]
    assert str(origin.port) == command[command.index("-p") + 1]
    assert origin.location_name == command[command.index("--location-name") + 1]
    assert properties("CodeServer")["ServiceRegistries"] == [
        {"RegistryArn": {"Fn::GetAtt": ["CodeServerName", "Arn"]}}
    ]
