"""What the CloudFormation template allows, and that it allows nothing else: deployed in moto, its IAM on.

moto's IAM looks at the action, and in S3 at the resource. It looks neither at conditions (a list of any
prefix passes) nor at resources outside S3 (a right to one topic counts as none). So the calls that a run
was seen to make, and those that nobody may make, are also put to `tests.deploy.iam`, with the policies
as moto has them attached. moto makes no bucket policy and no secret, and of a bucket only the
encryption: these are read in the template.
"""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import cfnlint.api
import dagster as dg
import pytest
from cfnlint.decode import cfn_yaml
from cfnlint.helpers import REGIONS
from dagster_aws.s3 import S3Resource
from moto import mock_aws
from moto.core import enable_iam_authentication

from duo_pipeline.config import settings
from duo_pipeline.config.account import DEFAULT_ACCOUNT
from duo_pipeline.defs.partitions import DUO_HISTORY
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.preflight import bucket as bucket_check
from duo_pipeline.preflight.lines import Status
from duo_pipeline.sandbox.log import FixedLog
from tests.conftest import ServedDuo
from tests.defs.assets.dagster_run import DagsterRun, failure_of
from tests.deploy.iam import Call, allows
from tests.deploy.stack import ACCOUNT, BUCKET, NAME, REGION, TEMPLATE, Principal, Stack, client
from tests.records import IKEY, SKEY, sent, settled_hour, spread

FEED, WORK = "duo-telephony/", "duo-telephony-work/"
OTHER_BUCKET = "acme-other"
SUBJECT = "112233445566778899000"
SECRETS = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:"
SECRET = f"{SECRETS}{NAME}/duo-admin-api-A1b2C3"
OTHER_TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:other"


def s3(operation: str, key: str | None = None, *, bucket: str = BUCKET, **params: Any) -> Call:
    return Call("s3", operation, {"Bucket": bucket, **({"Key": key} if key else {}), **params})


def listing(prefix: str, bucket: str = BUCKET) -> Call:
    return s3("ListObjectsV2", bucket=bucket, Prefix=prefix)


NOBODY = [
    s3("DeleteObject", f"{FEED}a"),
    s3("DeleteObject", f"{FEED}a", VersionId="1"),
    s3("DeleteObject", f"{WORK}a"),
    s3("DeleteObjects", Delete={"Objects": [{"Key": f"{FEED}a"}]}),
    s3("GetObject", f"{FEED}a", VersionId="1"),
    s3("PutObjectAcl", f"{FEED}a", ACL="public-read"),
    s3("PutObjectTagging", f"{FEED}a", Tagging={"TagSet": []}),
    s3("GetObject", "other/a"),
    s3("PutObject", "other/a"),
    s3("GetObject", "a"),
    s3("PutObject", "a"),
    s3("PutObject", "duo-telephony-else/a"),
    s3("GetObject", f"{FEED}a", bucket=OTHER_BUCKET),
    s3("PutObject", f"{FEED}a", bucket=OTHER_BUCKET),
    listing(FEED, bucket=OTHER_BUCKET),
    listing("other/"),
    listing("duo-telephony"),
    listing(""),
    s3("ListObjectsV2"),
    s3("HeadBucket"),
    s3("ListObjectVersions", Prefix=FEED),
    s3("ListMultipartUploads"),
    s3("GetBucketPolicy"),
    s3("PutBucketPolicy", Policy="{}"),
    s3("DeleteBucketPolicy"),
    s3("PutBucketVersioning", VersioningConfiguration={"Status": "Suspended"}),
    s3("PutBucketLifecycleConfiguration", LifecycleConfiguration={"Rules": []}),
    s3("DeletePublicAccessBlock"),
    s3("DeleteBucket"),
    Call("s3", "ListBuckets"),
    s3("CreateBucket", bucket="acme-new"),
    Call("iam", "ListUsers"),
    Call("iam", "CreateUser", {"UserName": "new"}),
    Call("iam", "CreateAccessKey", {"UserName": "somebody"}),
    Call("iam", "AttachUserPolicy", {"UserName": "somebody", "PolicyArn": "arn:aws:iam::aws:policy/All"}),
    Call("sts", "AssumeRole", {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/other", "RoleSessionName": "any"}),
    Call("secretsmanager", "GetSecretValue", {"SecretId": f"{SECRETS}other-A1b2C3"}),
    Call("secretsmanager", "GetSecretValue", {"SecretId": f"{SECRETS}{NAME}-other/duo-admin-api-A1b2C3"}),
    Call("secretsmanager", "PutSecretValue", {"SecretId": SECRET, "SecretString": "{}"}),
    Call("secretsmanager", "ListSecrets"),
    Call("sns", "Publish", {"TopicArn": OTHER_TOPIC, "Message": "any"}),
    Call("sns", "CreateTopic", {"Name": "new"}),
    Call("cloudformation", "DescribeStacks"),
]
NOT_THE_READER = [
    s3("PutObject", f"{FEED}a"),
    s3("GetObject", f"{WORK}a"),
    s3("PutObject", f"{WORK}a"),
    listing(WORK),
    Call("secretsmanager", "GetSecretValue", {"SecretId": SECRET}),
]


@pytest.fixture
def deploy() -> Iterator[type[Stack]]:
    """The way to deploy the template, in an AWS account in moto that has nothing but another bucket."""
    with mock_aws(config={"core": {"mock_credentials": False}}):
        region = {"LocationConstraint": REGION}
        client("s3").create_bucket(Bucket=OTHER_BUCKET, CreateBucketConfiguration=region)
        yield Stack


@pytest.fixture
def stack(deploy: type[Stack]) -> Stack:
    return deploy()


@pytest.fixture
def pipeline(stack: Stack) -> Principal:
    return stack.pipeline()


@pytest.fixture(params=["role", "user"])
def reader(deploy: type[Stack], request: pytest.FixtureRequest) -> Principal:
    """What the feed in SecOps reads with, both ways to set it up."""
    if request.param == "role":
        return deploy(SecOpsSubjectId=SUBJECT).secops_role()
    return deploy().secops_user()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """Each call that the pipeline makes of S3."""
    made: list[Call] = []
    get_client = S3Resource.get_client

    def watched(resource: S3Resource) -> Any:
        found = get_client(resource)
        found.meta.events.register(
            "provide-client-params.s3",
            lambda params, model, **_: made.append(Call("s3", model.name, dict(params))),
        )
        return found

    monkeypatch.setattr(S3Resource, "get_client", watched)
    return made


@pytest.fixture
def run(
    stack: Stack, pipeline: Principal, duo: ServedDuo, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DagsterRun]:
    """Dagster, with the settings that the stack puts out and the keys of the pipeline's role."""
    duo_settings = {"DUO_IKEY": IKEY, "DUO_SKEY": SKEY, "DUO_API_HOST": duo.url}
    for name, value in {**stack.settings, **duo_settings, **pipeline.keys.environment}.items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.ephemeral() as instance:
        yield DagsterRun(instance)


def properties(resource: str) -> Any:
    return cfn_yaml.load(str(TEMPLATE))["Resources"][resource]["Properties"]


def judged_by_moto(call: Call) -> bool:
    """Return whether moto's IAM looks at all that matters."""
    is_own_listing = call.action == "s3:ListBucket" and call.resource == f"arn:aws:s3:::{BUCKET}"
    return call.service in ("s3", "iam", "sts", "cloudformation") and not is_own_listing


def is_refused(principal: Principal, call: Call) -> bool:
    if allows(principal.policies, call):
        return False
    with enable_iam_authentication():
        return not judged_by_moto(call) or principal.is_refused(call)


def test_cfn_lint_finds_nothing_in_any_region() -> None:
    assert cfnlint.api.lint(TEMPLATE.read_text(), regions=REGIONS) == []


def test_runs_do_all_they_do_with_the_rights_of_the_pipelines_role_and_need_each_of_them(
    run: DagsterRun, pipeline: Principal, duo: ServedDuo, calls: list[Call]
) -> None:
    first = settled_hour(3)
    records = [*spread(first, 3), *spread(first + timedelta(hours=2), 2)]
    no_record = {**sent(first), "ts": "no time"}
    with enable_iam_authentication():
        duo.api.log = FixedLog([*records[1:], no_record])
        assert "1 items cannot land" in failure_of(run.run(first, first + timedelta(hours=2)))
        duo.api.log = FixedLog(records)
        assert run.run(first, first + timedelta(hours=2)).success
    bucket = Bucket(client("s3"), BUCKET)
    landed = [json.loads(line) for key in bucket.keys(FEED) for line in bucket.lines(key)]
    assert Counter(line["telephony_id"] for line in landed) == Counter(one["telephony_id"] for one in records)
    assert [call for call in calls if not allows(pipeline.policies, call)] == []
    prefix_of = [str(call.params.get("Key") or call.params["Prefix"]).split("/")[0] for call in calls]
    assert {(call.action, prefix) for call, prefix in zip(calls, prefix_of, strict=True)} == {
        (action, prefix.rstrip("/"))
        for action in ("s3:ListBucket", "s3:GetObject", "s3:PutObject")
        for prefix in (FEED, WORK)
    }


@pytest.mark.usefixtures("run")
def test_the_check_of_the_bucket_needs_no_other_right(
    stack: Stack, pipeline: Principal, calls: list[Call]
) -> None:
    of_duo = {"DUO_IKEY": IKEY, "DUO_SKEY": SKEY, "DUO_API_HOST": "api-12345678.duosecurity.com"}
    environ = {**stack.settings, **of_duo}
    duo, feed = settings.duo_and_feed(DEFAULT_ACCOUNT.texts(environ))
    with enable_iam_authentication():
        found = bucket_check.check(feed, duo)
    assert {line.status for line in found.lines} == {Status.OK}
    assert [call for call in calls if not allows(pipeline.policies, call)] == []


def test_the_pipeline_publishes_alerts_and_reads_duos_keys(stack: Stack, pipeline: Principal) -> None:
    topic = stack.settings["ALERT_SNS_TOPIC_ARN"]
    assert allows(pipeline.policies, Call("sns", "Publish", {"TopicArn": topic, "Message": "any"}))
    for secret in (SECRET, f"{SECRETS}{NAME}/of-another-account-A1b2C3"):
        assert allows(pipeline.policies, Call("secretsmanager", "GetSecretValue", {"SecretId": secret}))
    assert not allows(pipeline.policies, Call("sns", "Subscribe", {"TopicArn": topic, "Protocol": "email"}))


def test_the_pipeline_may_do_nothing_else(pipeline: Principal) -> None:
    assert [call for call in NOBODY if not is_refused(pipeline, call)] == []


def test_the_reader_lists_and_reads_the_feed(reader: Principal) -> None:
    key = f"{FEED}dt=2026-11-23/hour=05/a.ndjson"
    client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"{}\n")
    for call in (
        listing(FEED),
        listing(f"{FEED}dt=2026-11-23/"),
        s3("GetObject", key),
        s3("HeadObject", key),
    ):
        assert allows(reader.policies, call)
        with enable_iam_authentication():
            assert not reader.is_refused(call)


def test_the_reader_may_do_nothing_else(reader: Principal) -> None:
    assert [call for call in [*NOBODY, *NOT_THE_READER] if not is_refused(reader, call)] == []


def test_the_reader_publishes_no_alerts(stack: Stack) -> None:
    topic = stack.settings["ALERT_SNS_TOPIC_ARN"]
    call = Call("sns", "Publish", {"TopicArn": topic, "Message": "any"})
    assert not allows(stack.secops_user().policies, call)


def test_the_rights_follow_the_prefixes(deploy: type[Stack]) -> None:
    stack = deploy(S3Prefix="duo/feed/", S3WorkPrefix="duo/other/", SecOpsSubjectId=SUBJECT)
    pipeline, reader = stack.pipeline(), stack.secops_role()
    for prefix, allowed in {"duo/feed/": True, "duo/other/": True, "duo/": False, FEED: False}.items():
        for call in (listing(prefix), s3("GetObject", f"{prefix}a"), s3("PutObject", f"{prefix}a")):
            assert allows(pipeline.policies, call) == allowed
    assert allows(reader.policies, listing("duo/feed/"))
    assert not allows(reader.policies, listing("duo/other/"))


def test_google_takes_the_role_only_for_one_secops_instance(deploy: type[Stack]) -> None:
    stack = deploy(SecOpsSubjectId=SUBJECT)
    assert "SecOpsUser" not in stack.outputs
    assert stack.trust("SecOpsRoleArn") == {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": "accounts.google.com"},
        "Condition": {"StringEquals": {"accounts.google.com:sub": SUBJECT}},
    }


def test_without_a_subject_there_is_a_user_that_google_is_given_a_key_of(stack: Stack) -> None:
    assert stack.outputs["SecOpsUser"] == "secops-reader"
    assert "SecOpsRoleArn" not in stack.outputs


@pytest.mark.parametrize(
    ("runs_on", "principal"),
    [
        ("account", {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        ("ec2", {"Service": "ec2.amazonaws.com"}),
        ("ecs-tasks", {"Service": "ecs-tasks.amazonaws.com"}),
    ],
)
def test_the_pipelines_role_is_taken_where_the_pipeline_runs(
    deploy: type[Stack], runs_on: str, principal: dict[str, str]
) -> None:
    stack = deploy(PipelineRunsOn=runs_on)
    assert stack.trust("PipelineRoleArn") == {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": principal,
    }
    assert ("PipelineInstanceProfile" in stack.outputs) == (runs_on == "ec2")


def test_the_settings_that_it_puts_out_are_those_that_the_pipeline_reads(stack: Stack) -> None:
    feed = settings.feed(stack.settings)
    assert (feed.bucket, feed.prefix, feed.work_prefix) == (BUCKET, FEED, WORK)
    assert stack.settings.keys() == {
        "S3_BUCKET",
        "S3_PREFIX",
        "S3_WORK_PREFIX",
        "AWS_DEFAULT_REGION",
        "ALERT_SNS_TOPIC_ARN",
    }


def test_the_bucket_is_encrypted_closed_to_the_public_and_kept() -> None:
    bucket = cfn_yaml.load(str(TEMPLATE))["Resources"]["Bucket"]
    (encryption,) = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert bucket["Properties"]["PublicAccessBlockConfiguration"] == dict.fromkeys(
        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
    )
    assert bucket["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"


def test_no_object_expires_while_duo_still_shows_its_hour() -> None:
    days = cfn_yaml.load(str(TEMPLATE))["Parameters"]["ExpireAfterDays"]
    rules = properties("Bucket")["LifecycleConfiguration"]["Rules"]
    assert [rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule] == [
        {"Ref": "ExpireAfterDays"}
    ]
    assert timedelta(days=days["Default"]) >= timedelta(days=days["MinValue"]) > DUO_HISTORY


@pytest.mark.parametrize("resource", ["", "/*"])
def test_the_bucket_is_reached_only_by_tls(resource: str) -> None:
    arn = f"arn:aws:s3:::{BUCKET}"
    text = json.dumps(properties("BucketPolicy")["PolicyDocument"])
    text = text.replace('{"Fn::GetAtt": ["Bucket", "Arn"]}', f'"{arn}"')
    policy = json.loads(text.replace('{"Fn::Sub": "${Bucket.Arn}/*"}', f'"{arn}/*"'))
    everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    call = s3("GetObject", "a") if resource else s3("GetBucketPolicy")
    assert allows([everything, policy], call, **{"aws:SecureTransport": "true"})
    assert not allows([everything, policy], call, **{"aws:SecureTransport": "false"})
    (statement,) = policy["Statement"]
    assert statement["Principal"] == "*"
