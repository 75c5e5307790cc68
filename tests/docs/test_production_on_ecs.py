"""docs/production.md, on ECS: a shell runs its commands with stand-ins, as for docs/setup.md.

What they are asked is held against AWS's API, the templates as moto deploys them, and the files of the image.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import click
import jmespath
import pytest
from cfnlint.decode import cfn_yaml
from moto import mock_aws

from duo_pipeline.cli import main
from tests.deploy import stack as pipeline_stack
from tests.deploy.ecs_stack import NAME, TEMPLATE, UI_HOST, EcsStack
from tests.deploy.stack import client
from tests.docs.test_setup import STAND_IN, TOP, Machine, assert_aws_knows, assert_takes, options

(TEXT,) = re.findall(
    r"^## On ECS\n(.*?)^## ", (TOP / "docs" / "production.md").read_text(), re.MULTILINE | re.DOTALL
)
OF_THE_COMMAND_LINE = {("cloudformation", "deploy"), ("ecr", "get-login-password"), ("logs", "tail")}
NETWORK_QUERY = "Stacks[0].Outputs[?OutputKey=='Network'].OutputValue"


@pytest.fixture(scope="module")
def stack() -> Iterator[EcsStack]:
    with mock_aws(config={"core": {"mock_credentials": False}}):
        yield EcsStack()


@pytest.fixture(scope="module")
def machine(stack: EcsStack, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    folder = tmp_path_factory.mktemp("checkout")
    calls = folder / "calls"
    answers = [([NETWORK_QUERY], stack.outputs["Network"])]
    for program in ("aws", "docker"):
        (folder / program).write_text(
            STAND_IN.format(python=sys.executable, calls=str(calls), answers=json.dumps(answers))
        )
        (folder / program).chmod(0o700)
    for block in re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL):
        subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=folder,
            env={"PATH": f"{folder}:{os.environ['PATH']}"},
            check=True,
            timeout=60,
        )
    return Machine(folder, [json.loads(line) for line in calls.read_text().splitlines()])


def deployment(machine: Machine) -> list[str]:
    (call,) = [call for call in machine.calls_of("aws") if call[:2] == ["cloudformation", "deploy"]]
    return call


def image(machine: Machine) -> str:
    call = deployment(machine)
    return assert_takes(TEMPLATE, call[call.index("--parameter-overrides") + 1 :])["Image"]


def test_the_aws_commands_are_such_as_aws_knows(machine: Machine) -> None:
    for service, command, *arguments in machine.calls_of("aws"):
        if (service, command) not in OF_THE_COMMAND_LINE:
            assert_aws_knows(service, command, arguments)


def test_the_stack_is_deployed_with_parameters_that_the_template_has(machine: Machine) -> None:
    given = options(deployment(machine))
    assert (TOP / given["--template-file"]).samefile(TEMPLATE)
    assert given["--stack-name"] == NAME
    assert given["--capabilities"] == "CAPABILITY_IAM"
    call = deployment(machine)
    values = assert_takes(TEMPLATE, call[call.index("--parameter-overrides") + 1 :])
    assert values["PipelineStack"] == pipeline_stack.NAME
    assert values["UiHost"] == UI_HOST


def test_the_image_that_is_deployed_is_the_one_that_was_built_for_ecs_and_pushed(machine: Machine) -> None:
    below, above = [call[1:] for call in machine.calls_of("docker") if call[0] == "build"]
    (pushed,) = [call[1] for call in machine.calls_of("docker") if call[0] == "push"]
    assert (TOP / options(below)["--file"]).samefile(TOP / "deploy" / "Containerfile")
    containerfile = TOP / options(above)["--file"]
    assert containerfile.parent.samefile(TOP / above[-1]), "it copies the files that lie beside it"
    assert f"ARG IMAGE={options(below)['--tag']}:latest" in containerfile.read_text()
    assert options(above)["--tag"] == pushed == image(machine)
    (repository,) = [call for call in machine.calls_of("aws") if call[0] == "ecr" and "create" in call[1]]
    assert pushed.split("/")[1].split(":")[0] == options(repository)["--repository-name"]


def test_the_names_of_parameters_and_outputs_are_those_of_the_templates() -> None:
    named = set(re.findall(r"`([A-Z][a-z]+[A-Z]\w*)[`=]", TEXT))
    known: set[str] = set()
    for template in (TEMPLATE, pipeline_stack.TEMPLATE):
        found = cfn_yaml.load(str(template))
        known |= {*found["Parameters"], *found["Outputs"]}
    assert "UserPool" in named
    assert named <= known
    accounts = cfn_yaml.load(str(TEMPLATE))["Parameters"]["AccountsFile"]["AllowedValues"]
    assert re.findall(r"`AccountsFile=(\S+)`", TEXT) == [accounts[-1]]


def test_the_check_runs_where_the_runs_are(machine: Machine, stack: EcsStack) -> None:
    answer = client("cloudformation").describe_stacks(StackName=NAME)
    assert jmespath.search(NETWORK_QUERY, answer) == [stack.outputs["Network"]]
    (call,) = [call for call in machine.calls_of("aws") if call[:2] == ["ecs", "run-task"]]
    given = options(call)
    network = re.fullmatch(
        r"awsvpcConfiguration=\{subnets=\[(.*)\],securityGroups=\[(.*)\]\}", given["--network-configuration"]
    )
    assert network is not None
    assert network.group(1).split(",") == stack.private
    assert network.group(2) == stack.resources["TaskGroup"]
    assert given["--cluster"] == stack.resources["Cluster"]
    assert given["--task-definition"] == stack.task("run")["family"]
    (override,) = json.loads(given["--overrides"])["containerOverrides"]
    assert override["name"] == stack.container("run")["name"]
    program, name, *arguments = override["command"]
    assert program == "duo-pipeline"
    main.commands[name].parse_args(click.Context(main.commands[name]), arguments)
    (tail,) = [call for call in machine.calls_of("aws") if call[:2] == ["logs", "tail"]]
    assert tail[2] == stack.resources["Logs"]
