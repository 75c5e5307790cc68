"""`duo-pipeline check`, and a run, with something wrong between this machine and what S3 stores."""

import re
import subprocess
from collections.abc import Iterator

import dagster as dg
import pytest

from duo_pipeline.sandbox.log import FixedLog
from tests.cli.test_check import BUCKET_LINES, PROGRAM, World, lines, named, run
from tests.cli.test_check import fresh_home as fresh_home
from tests.cli.test_check import world as world
from tests.defs.assets.dagster_run import DagsterRun, failure_of
from tests.landing.fake_aws import FakeAws, fake_aws
from tests.landing.test_aws_errors import FILES, IDENTITY, KEYBOARD, KEYS, OWN_WORDS, Case
from tests.records import sent, settled_hour

AFTER = {
    "S3/bucket": BUCKET_LINES,
    "S3/list": ("S3/work prefix", "S3/feed"),
    "S3/put": ("S3/get", "S3/work prefix"),
    "S3/get": ("S3/work prefix",),
}


def frames(aws: FakeAws) -> None:
    aws.frames = True


def writes_crlf(aws: FakeAws) -> None:
    aws.changes = lambda body: body.replace(b"\n", b"\r\n")


def cuts_the_last_newline(aws: FakeAws) -> None:
    aws.changes = bytes.rstrip


def ignores_the_condition(aws: FakeAws) -> None:
    aws.exists = 0


STORES = {
    "a store that keeps the framing": (
        "S3/put",
        Case(
            ("framing of the request (aws-chunked)", "AWS_REQUEST_CHECKSUM_CALCULATION=when_required"), frames
        ),
    ),
    "a store that writes other line ends": (
        "S3/put",
        Case(("does not return", "as it was written"), writes_crlf),
    ),
    "a store that cuts the end": (
        "S3/put",
        Case(("does not return", "as it was written"), cuts_the_last_newline),
    ),
    "a store that ignores the condition": (
        "S3/put",
        Case(("although the request had If-None-Match",), ignores_the_condition),
    ),
    "plain http to another machine": (
        "S3/bucket",
        Case(
            ("AWS_ENDPOINT_URL must not be plain http:// (allowed only for loopback addresses)",),
            env={**KEYS, "AWS_ENDPOINT_URL": "http://minio.example.com:9000"},
        ),
    ),
    "plain http to another machine for S3 only": (
        "S3/bucket",
        Case(
            ("AWS_ENDPOINT_URL_S3 must not be plain http://",),
            env={**KEYS, "AWS_ENDPOINT_URL_S3": "http://192.0.2.7"},
        ),
    ),
    "plain http to another STS": (
        "S3/bucket",
        Case(
            ("AWS_ENDPOINT_URL_STS must not be plain http://",),
            env={**KEYS, "AWS_ENDPOINT_URL_STS": "http://sts.example.com"},
        ),
    ),
    "plain http in the profile": (
        "S3/bucket",
        Case(
            ("The endpoint_url of the AWS profile must not be plain http://",),
            env={**KEYS, "AWS_ENDPOINT_URL": ""},
            config="[default]\nendpoint_url = http://minio.example.com\n",
        ),
    ),
    "no right to list, by an organization's policy": ("S3/list", OWN_WORDS["an organization's policy"]),
    "KMS does not let S3 write": ("S3/put", OWN_WORDS["a key of KMS that may not be used"]),
    "KMS does not let S3 read": ("S3/get", OWN_WORDS["a key of KMS that may not open"]),
    "a policy that asks for encryption": ("S3/put", OWN_WORDS["a policy that asks for encryption"]),
    "a store without checksums": ("S3/put", OWN_WORDS["a store without checksums"]),
    "a store without conditional writes": ("S3/put", OWN_WORDS["a store without conditional writes"]),
    "a store that does not understand": ("S3/bucket", OWN_WORDS["a store that does not understand"]),
    "a gateway that blocks": ("S3/bucket", OWN_WORDS["a gateway that blocks"]),
    **{
        name: ("S3/bucket", case)
        for name, case in {**IDENTITY, **FILES, **KEYBOARD}.items()
        if name
        in (
            "a role that may not be assumed",
            "a web identity that may not",
            "a login with SSO that was never made",
            "a wrong clock",
            "expired keys",
            "a bucket in another region",
            "a token file that is not there",
            "an empty token file",
            "a program that is not there",
            "a program that prints no JSON",
            "a configuration that does not parse",
            "a profile with a second factor",
        )
    },
}


@pytest.fixture
def aws(world: World) -> Iterator[FakeAws]:
    """A world whose S3, and STS, is the fake one; a record can land."""
    world.duo.api.log = FixedLog([sent(settled_hour(back)) for back in (3000, 2)])
    with fake_aws() as aws:
        world.set(AWS_ENDPOINT_URL=aws.url, S3_BUCKET="b", HOME=str(world.home.parent))
        world.unset("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        (world.home.parent / "empty").touch()
        (world.home.parent / "token").write_text("a.web.identity")
        yield aws


def set_up(world: World, aws: FakeAws, case: Case) -> None:
    config = world.home.parent / "config"
    config.write_text(str(case.config))
    world.set(AWS_CONFIG_FILE=str(config), **case.env)
    if case.env.get("AWS_ENDPOINT_URL") == "":
        world.unset("AWS_ENDPOINT_URL")
    case.how(aws)


def without_uris(text: str) -> str:
    return re.sub(r"s3://\S+", "", text)


@pytest.mark.parametrize("name", STORES)
def test_the_right_line_is_red_and_a_run_fails_with_the_same_sentence(
    world: World, aws: FakeAws, name: str
) -> None:
    line, case = STORES[name]
    set_up(world, aws, case)
    found = lines()
    sentence = found[line]["sentence"]
    assert named(found, "failed") == [line]
    assert named(found, "not tried") == list(AFTER[line])
    for words in case.says:
        assert (
            words.replace("s3://b/a", "s3://b/duo-telephony-work/check/probe.ndjson").replace(
                "s3://b/x/", "s3://b/duo-telephony/"
            )
            in sentence
        )
    with dg.DagsterInstance.ephemeral() as instance:
        dagster = DagsterRun(instance)
        result = dagster.run(settled_hour(2), only=[dagster.ndjson])
        assert not result.success
        assert without_uris(sentence) in without_uris(failure_of(result))
    assert not any(key.startswith("duo-telephony/") for key in aws.objects)


def test_a_store_that_answers_304_for_a_key_that_exists_works(world: World, aws: FakeAws) -> None:
    set_up(world, aws, Case((), lambda aws: setattr(aws, "exists", 304)))
    assert named(lines(), "failed") == []
    with dg.DagsterInstance.ephemeral() as instance:
        dagster = DagsterRun(instance)
        for _ in range(2):
            assert dagster.run(settled_hour(2), only=[dagster.ndjson]).success
    assert sum(key.startswith("duo-telephony/") for key in aws.objects) == 1


def test_each_write_asks_for_the_key_that_is_set(world: World, aws: FakeAws) -> None:
    set_up(world, aws, Case(()))
    world.set(S3_KMS_KEY_ID="alias/soc")
    assert named(lines(), "failed") == []
    with dg.DagsterInstance.ephemeral() as instance:
        dagster = DagsterRun(instance)
        assert dagster.run(settled_hour(2), only=[dagster.ndjson]).success
    assert len(aws.puts) > 4
    for headers in aws.puts:
        assert headers["x-amz-server-side-encryption"] == "aws:kms"
        assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == "alias/soc"


@pytest.mark.parametrize(
    "content", ["DUO_SKEY=x\n".encode("utf-16"), "DUO_SKEY=Schlüssel\n".encode("latin-1"), b"DUO_SKEY=a\0b\n"]
)
@pytest.mark.usefixtures("world")
def test_an_env_file_that_is_not_utf_8_is_named(world: World, content: bytes) -> None:
    (world.home.parent / ".env").write_bytes(content)
    found = lines()
    assert named(found, "failed") == list(found) == ["settings/.env"]
    assert ".env is not a text in UTF-8" in found["settings/.env"]["sentence"]
    assert run().exit_code == 1


def test_no_traceback_reaches_a_terminal(world: World, aws: FakeAws) -> None:
    set_up(world, aws, IDENTITY["a role that may not be assumed"])
    done = subprocess.run(
        [PROGRAM, "check"], capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 1
    assert done.stderr == ""
