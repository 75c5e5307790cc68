"""docs/setup.md: a shell runs its commands, and finds stand-ins that note what they are asked.

That is held against the real thing: AWS's API as botocore knows it, the template as moto deploys it, the
options of `duo-pipeline`, the Makefile. What the commands leave in `.env` is held against the settings.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import boto3
import click
import jmespath
import pytest
from botocore import xform_name
from cfnlint.decode import cfn_yaml
from dotenv import dotenv_values
from moto import mock_aws

from duo_pipeline.cli import main
from duo_pipeline.config import settings
from duo_pipeline.config.account import DEFAULT_ACCOUNT
from tests.deploy.stack import NAME, TEMPLATE, Stack, client

TOP = Path(__file__).parents[2]
SETUP = (TOP / "docs" / "setup.md").read_text()
SECTIONS_OF_THE_GUIDE = [
    "Before you begin",
    "Collect Duo prerequisites (API credentials)",
    "Configure AWS S3 bucket and IAM for Google SecOps",
    "Configure the IAM policy and role for S3 uploads",
    "Create the Lambda function",
    "Create an EventBridge schedule",
    "(Optional) Create read-only IAM user & keys for Google SecOps",
    "Configure a feed in Google SecOps to ingest Duo Telephony logs",
    "UDM mapping table",
]
SETTINGS_QUERY = "Stacks[0].Outputs[?OutputKey=='Settings'].OutputValue"
STAND_IN = """#!{python}
import json, os, sys
called = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
with open({calls!r}, "a") as calls:
    print(json.dumps(called), file=calls)
for words, answer in json.loads({answers!r}):
    if all(word in called for word in words):
        print(answer)
"""


def fenced(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", SETUP, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with mock_aws(config={"core": {"mock_credentials": False}}):
        yield Stack()


@dataclass
class Machine:
    """Where the commands of the document were run.

    Attributes:
        folder: The checkout.
        calls: The programs that were called, each with its arguments.
    """

    folder: Path
    calls: list[list[str]]

    def calls_of(self, program: str) -> list[list[str]]:
        return [arguments for name, *arguments in self.calls if name == program]


@pytest.fixture(scope="module")
def machine(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    folder = tmp_path_factory.mktemp("checkout")
    for path in ("deploy/local/dagster.yaml", "workspace.yaml"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TOP / path, folder / path)
    (keys,) = fenced("json")
    (folder / "duo.json").write_text(keys)
    (folder / ".aws").mkdir()
    (folder / ".aws" / "credentials").write_text(
        "[secops-reader]\naws_access_key_id = AKIDOFTHEREADER00000\naws_secret_access_key = opens-nothing\n"
    )
    calls = folder / "calls"
    answers = [([SETTINGS_QUERY], stack.outputs["Settings"]), (["get-secret-value"], keys)]
    for program in ("bin/aws", "bin/make", ".venv/bin/dagster", ".venv/bin/duo-pipeline"):
        place = folder / program
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(
            STAND_IN.format(python=sys.executable, calls=str(calls), answers=json.dumps(answers))
        )
        place.chmod(0o700)
    environment = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "HOME": str(folder)}
    for block in fenced("sh"):
        subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block], cwd=folder, env=environment, check=True, timeout=60
        )
    return Machine(folder, [json.loads(line) for line in calls.read_text().splitlines()])


def options(arguments: list[str]) -> dict[str, str]:
    return {name: value for name, value in pairwise(arguments) if name.startswith("--")}


def test_it_has_the_sections_of_the_guide_in_their_order() -> None:
    assert re.findall(r"^## (.*)", SETUP, re.MULTILINE) == SECTIONS_OF_THE_GUIDE


def test_what_results_in_env_are_settings_that_the_pipeline_takes(machine: Machine, stack: Stack) -> None:
    environ = {name: value or "" for name, value in dotenv_values(machine.folder / ".env").items()}
    duo, feed = settings.duo_and_feed(DEFAULT_ACCOUNT.texts(environ))
    (keys,) = fenced("json")
    assert {"DUO_IKEY": duo.ikey, "DUO_SKEY": duo.skey, "DUO_API_HOST": duo.host.name} == json.loads(keys)
    assert feed.bucket == stack.settings["S3_BUCKET"]
    assert environ.keys() == {*json.loads(keys), *stack.settings, "AWS_PROFILE"}


def test_no_key_of_duos_is_left_in_a_file_that_others_may_read(machine: Machine) -> None:
    assert not (machine.folder / "duo.json").exists()
    assert (machine.folder / ".env").stat().st_mode & 0o077 == 0


def test_dagster_finds_its_workspace_and_the_settings_of_its_instance(machine: Machine) -> None:
    assert machine.calls_of("dagster") == [["dev", "-w", "workspace.yaml"]]
    assert (machine.folder / ".dagster" / "dagster.yaml").exists()


def assert_aws_knows(service: str, command: str, arguments: list[str]) -> None:
    """Check a command of AWS's command line against AWS's API."""
    api = boto3.session.Session(region_name="eu-central-1").client(service)  # type: ignore[call-overload]
    operation = api.meta.service_model.operation_model(
        api.meta.method_to_api_mapping[command.replace("-", "_")]
    )
    shape = operation.input_shape
    assert shape is not None
    members = {f"--{xform_name(name, '-')}" for name in shape.members}
    given = options(arguments).keys() - {"--query", "--output"}
    required = {f"--{xform_name(name, '-')}" for name in shape.required_members}
    assert required <= given <= members


def test_the_aws_commands_are_such_as_aws_knows(machine: Machine) -> None:
    own = (["cloudformation", "deploy"], ["configure", "set"])  # the command line's, which no API has
    calls = [call for call in machine.calls_of("aws") if call[:2] not in own]
    assert calls
    for service, command, *arguments in calls:
        assert_aws_knows(service, command, arguments)


def assert_takes(template: Path, overrides: list[str]) -> dict[str, str]:
    """Hold the words after ``--parameter-overrides`` against the template; return their values by name."""
    values = dict(word.split("=", 1) for word in overrides)
    parameters = cfn_yaml.load(str(template))["Parameters"]
    for name, value in values.items():
        assert re.fullmatch(parameters[name].get("AllowedPattern", ".*"), value)
        assert value in parameters[name].get("AllowedValues", [value])
    assert {name for name in parameters if "Default" not in parameters[name]} <= values.keys()
    return values


def test_the_stack_is_deployed_with_parameters_that_the_template_has(machine: Machine) -> None:
    (deploy,) = [call for call in machine.calls_of("aws") if call[:2] == ["cloudformation", "deploy"]]
    given = options(deploy)
    assert (TOP / given["--template-file"]).samefile(TEMPLATE)
    assert given["--stack-name"] == NAME
    assert given["--capabilities"] == "CAPABILITY_NAMED_IAM"
    assert_takes(TEMPLATE, deploy[deploy.index("--parameter-overrides") + 1 :])


def test_the_names_of_parameters_and_outputs_are_those_of_the_template() -> None:
    template = cfn_yaml.load(str(TEMPLATE))
    named = set(re.findall(r"`([A-Z][a-z]+[A-Z]\w*)`", SETUP))
    assert named
    assert named <= {*template["Parameters"], *template["Outputs"]}


def test_the_query_for_the_settings_finds_them_and_the_secret_is_the_stacks(
    machine: Machine, stack: Stack
) -> None:
    answer = client("cloudformation").describe_stacks(StackName=NAME)
    assert jmespath.search(SETTINGS_QUERY, answer) == [stack.outputs["Settings"]]
    secrets = [call for call in machine.calls_of("aws") if call[0] == "secretsmanager"]
    assert {options(call)["--secret-id"] for call in secrets} == {stack.outputs["DuoSecret"]}


def test_the_key_is_made_for_the_user_that_the_stack_makes(machine: Machine, stack: Stack) -> None:
    (call,) = [call for call in machine.calls_of("aws") if "create-access-key" in call]
    assert options(call)["--user-name"] == stack.outputs["SecOpsUser"]


def test_make_has_the_targets(machine: Machine) -> None:
    calls = machine.calls_of("make")
    assert calls
    for (target,) in calls:
        assert re.search(rf"^{target}:", (TOP / "Makefile").read_text(), re.MULTILINE), target


def test_duo_pipeline_has_the_commands_and_their_options(machine: Machine) -> None:
    calls = machine.calls_of("duo-pipeline")
    assert calls
    for name, *arguments in calls:
        command = main.commands[name]
        command.parse_args(click.Context(command), arguments)


def test_the_feed_that_is_printed_reads_what_the_stack_puts_out(machine: Machine, stack: Stack) -> None:
    feeds = [call for call in machine.calls_of("duo-pipeline") if call[0] == "feed"]
    for arguments in feeds:
        printed = subprocess.run(
            [str(Path(sys.executable).parent / "duo-pipeline"), *arguments],
            cwd=machine.folder,
            env={"HOME": str(machine.folder), "PATH": os.environ["PATH"]},
            capture_output=True,
            check=True,
            timeout=60,
        )
        details = json.loads(printed.stdout)["details"]
        assert details["amazonS3V2Settings"]["s3Uri"] == stack.outputs["FeedUri"]
    assert len(feeds) == 2
