"""`duo-pipeline feed`, as a person runs it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from duo_pipeline.cli import main

KEY, SECRET = "AKIAPIPELINE00000000", "secret-of-the-pipeline-opens-nothing0000"
INSTANCE = ("--project", "project-1", "--location", "eu", "--instance", "instance-1")
ROLE = ("--role-arn", "arn:aws:iam::123456789012:role/secops-reader", "--subject-id", "117000000000000000000")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.chdir(tmp_path)
    profiles = tmp_path / "credentials"
    profiles.write_text(
        "[secops-reader]\naws_access_key_id=AKIAREADER\naws_secret_access_key=of-the-reader\n"
    )
    for name, value in {
        "S3_BUCKET": "bucket",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SHARED_CREDENTIALS_FILE": str(profiles),
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
    }.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def run(*options: str) -> Result:
    return CliRunner().invoke(main, ["feed", *INSTANCE, *options])


def body(*options: str) -> Any:
    result = run(*options)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def authentication(*options: str) -> Any:
    return body(*options)["details"]["amazonS3V2Settings"]["authentication"]


def refused(*options: str) -> str:
    result = run(*options)
    assert result.exit_code != 0
    assert result.stdout == ""
    assert SECRET not in result.stderr
    return result.stderr


def test_the_body_is_on_the_standard_output_and_nothing_else(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("S3_PREFIX", "logs/duo")
    assert body() == {
        "displayName": "Duo telephony",
        "details": {
            "feedSourceType": "AMAZON_S3_V2",
            "logType": "projects/project-1/locations/eu/instances/instance-1/logTypes/DUO_TELEPHONY",
            "amazonS3V2Settings": {
                "s3Uri": "s3://bucket/logs/duo/",
                "sourceDeletionOption": "NEVER",
                "maxLookbackDays": 180,
                "authentication": {
                    "accessKeySecretAuth": {
                        "accessKeyId": "ACCESS_KEY_ID_OF_THE_READER",
                        "secretAccessKey": "SECRET_ACCESS_KEY_OF_THE_READER",
                    }
                },
            },
        },
    }


@pytest.mark.parametrize("options", [(), ("--command",), ROLE, ("--profile", "secops-reader")])
def test_no_key_is_printed_unasked(options: tuple[str, ...]) -> None:
    result = run(*options)
    assert result.exit_code == 0
    for secret in (KEY, SECRET, "AKIAREADER", "of-the-reader"):
        assert secret not in result.output


def test_the_key_is_printed_when_asked_for() -> None:
    assert authentication("--show-secret") == {
        "accessKeySecretAuth": {"accessKeyId": KEY, "secretAccessKey": SECRET}
    }


def test_the_key_of_a_profile_is_taken_rather_than_that_of_the_pipeline() -> None:
    assert authentication("--show-secret", "--profile", "secops-reader") == {
        "accessKeySecretAuth": {"accessKeyId": "AKIAREADER", "secretAccessKey": "of-the-reader"}
    }


def test_a_role_takes_the_place_of_the_key() -> None:
    assert authentication(*ROLE) == {
        "awsIamRoleAuth": {"awsIamRoleArn": ROLE[1], "subjectId": "117000000000000000000"}
    }


def test_what_is_not_given_is_a_placeholder() -> None:
    result = CliRunner().invoke(main, ["feed"])
    log_type = json.loads(result.stdout)["details"]["logType"]
    assert log_type == "projects/PROJECT/locations/LOCATION/instances/INSTANCE/logTypes/DUO_TELEPHONY"


def test_a_shell_gives_googles_command_the_very_body(tmp_path: Path) -> None:
    secops = tmp_path / "bin" / "secops"
    secops.parent.mkdir()
    secops.write_text('#!/bin/sh\nprintf "%s\\0" "$@"\n')
    secops.chmod(0o755)
    name = 'Duo\'s "calls" in $HOME `x` ☎'
    line = run("--command", "--display-name", name).stdout
    assert line.startswith("secops feed create --display-name ")
    environment = {"PATH": f"{secops.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-c", line], env=environment, capture_output=True, text=True, timeout=30, check=True
    )
    given = done.stdout.split("\0")[:-1]
    assert given[:2] == ["feed", "create"]
    options = dict(zip(given[2::2], given[3::2], strict=True))
    assert json.loads(options.pop("--details")) == body()["details"]
    assert options == {
        "--display-name": name,
        "--project-id": "project-1",
        "--region": "eu",
        "--customer-id": "instance-1",
    }


def test_beside_the_body_the_command_is_told_on_the_standard_error() -> None:
    assert run("--command").stdout.strip() in run().stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--role-arn", "secops-reader", "--subject-id", "1"), "The role (secops-reader) is not a valid ARN"),
        (ROLE[:2], "--role-arn and --subject-id go together"),
        ((*ROLE, "--show-secret"), "--role-arn needs no access key"),
        (("--project", "projects/1"), "The project (projects/1) is not a valid id"),
        (("--show-secret", "--profile", "nobody"), "The config profile (nobody) could not be found"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(options: tuple[str, ...], words: str) -> None:
    assert words in refused(*options)


def test_without_a_bucket_it_says_so(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("S3_BUCKET")
    assert "S3_BUCKET is not set" in refused()


def test_a_key_that_will_expire_is_refused(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_SESSION_TOKEN", "token")
    assert "are temporary" in refused("--show-secret")


def test_where_there_is_no_key_none_is_shown(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("AWS_ACCESS_KEY_ID")
    environment.delenv("AWS_SECRET_ACCESS_KEY")
    assert "There is no access key to show" in refused("--show-secret")
