"""Tests of the sentences for everything that keeps a request from S3: who refused it, and the cure."""

import hashlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from botocore.credentials import SSOProvider
from dagster_aws.s3 import S3Resource

from duo_pipeline.config.secrets_manager import with_keys
from duo_pipeline.config.settings import SettingsError
from duo_pipeline.defs.alerts.messages import Message
from duo_pipeline.defs.alerts.topic import Topic, TopicError
from duo_pipeline.defs.resources import s3_client
from duo_pipeline.landing.bucket import Bucket, BucketError
from tests.landing.fake_aws import Answer, FakeAws, fake_aws
from tests.landing.test_bucket import body_of

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "the-secret-access-key"}
ROLE = "arn:aws:iam::123456789012:role/duo"
WEB = {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": "token"}
ASSUMED = (
    f"[default]\nrole_arn = {ROLE}\nsource_profile = source\n"
    "[profile source]\naws_access_key_id = AKIASOURCE\naws_secret_access_key = secret-of-source\n"
)
SECOND_FACTOR = ASSUMED.replace("source_profile", "mfa_serial = arn:aws:iam::1:mfa/x\nsource_profile")
SSO = "[default]\nsso_start_url = https://x\nsso_region = us-east-1\nsso_account_id = 1\nsso_role_name = r\n"
SECRETS = ("the-secret-access-key", "secret-of-source", "printed-secret", "proxy-password")


def process(command: str) -> str:
    return f"[default]\ncredential_process = {command}\n"


def expired() -> str:
    keys = '"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "printed-secret", "SessionToken": "c"'
    return process(f"""echo '{{{keys}, "Expiration": "2020-01-01T00:00:00Z"}}'""")


@dataclass(frozen=True)
class Case:
    """A request, what keeps it from S3, and what its sentence says."""

    says: tuple[str, ...]
    how: Callable[[FakeAws], object] = lambda _: None
    env: dict[str, str] = field(default_factory=lambda: KEYS)
    config: str | bytes = ""
    act: str = "list"
    code: str | None = None
    never: tuple[str, ...] = ("s3:ListBucket", "look up this code")


def refusal(
    operation: str, code: str, message: str = "", status: int = 403, more: str = ""
) -> Callable[[FakeAws], object]:
    return lambda aws: aws.refuse(operation, status, code, message, more)


def sts(code: str, message: str = "", *, web: bool = False, status: int = 403) -> Callable[[FakeAws], object]:
    return refusal("AssumeRoleWithWebIdentity" if web else "AssumeRole", code, message, status)


def denied(action: str, why: str) -> str:
    return (
        f"User: {ROLE} is not authorized to perform: {action} on resource: x with an explicit deny in {why}"
    )


IDENTITY = {
    "a role that may not be assumed": Case(
        (
            "STS gave no credentials for the role of the AWS profile default (AccessDenied)",
            "so S3 was not asked",
            "trust policy",
            "sts:AssumeRole on it",
            "STS says: ",
        ),
        sts("AccessDenied", "User: x is not authorized to perform: sts:AssumeRole on resource: y"),
        env={},
        config=ASSUMED,
    ),
    "a web identity that may not": Case(
        (f"STS gave no credentials for the role {ROLE} (AWS_ROLE_ARN)", "sts:AssumeRoleWithWebIdentity"),
        sts("AccessDenied", "Not authorized", web=True),
        env=WEB,
    ),
    "an expired web identity": Case(
        ("the token in AWS_WEB_IDENTITY_TOKEN_FILE has expired",),
        sts("ExpiredTokenException", "Token expired: current date/time", web=True, status=400),
        env=WEB,
    ),
    "a web identity of an unknown provider": Case(
        ("(InvalidIdentityToken)", "check the provider in IAM"),
        sts("InvalidIdentityToken", "No OpenIDConnect provider found", web=True, status=400),
        env=WEB,
    ),
    "an organization's policy against the role": Case(
        ("STS gave no credentials", "service control policy of AWS Organizations", "allow sts:AssumeRole"),
        sts("AccessDenied", denied("sts:AssumeRole", "a service control policy")),
        env={},
        config=ASSUMED,
    ),
    "expired keys of the source": Case(
        ("STS gave no credentials", "(ExpiredToken)", "have expired: renew them"),
        sts("ExpiredToken", "The security token included in the request is expired"),
        env={},
        config=ASSUMED,
    ),
    "an unknown key of the source": Case(
        ("STS gave no credentials", "(InvalidClientTokenId)", "the access key is not known"),
        sts("InvalidClientTokenId", "The security token included in the request is invalid."),
        env={},
        config=ASSUMED,
    ),
    "a wrong secret of the source": Case(
        ("STS gave no credentials", "the secret key is wrong"),
        sts("SignatureDoesNotMatch", "The request signature we calculated does not match"),
        env={},
        config=ASSUMED,
    ),
    "a wrong clock": Case(
        ("STS gave no credentials", "this machine's clock is wrong: set it (NTP)"),
        sts("SignatureDoesNotMatch", "Signature expired: 20261126T151725Z is now earlier than 2026"),
        env={},
        config=ASSUMED,
    ),
    "a region where STS is off": Case(
        ("(RegionDisabledException)", "activate the region"),
        sts("RegionDisabledException", "STS is not activated in this region"),
        env={},
        config=ASSUMED,
    ),
    "STS cannot be reached": Case(
        ("STS (127.0.0.1), which gives the credentials, cannot be reached",),
        env={"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9"},
        config=ASSUMED,
    ),
    "a role that the SSO login does not have": Case(
        (
            "IAM Identity Center (SSO) gave no credentials",
            "must have the account and the role",
            "SSO) says: No access",
        ),
        lambda aws: aws.answers.update(
            GetRoleCredentials=Answer(
                403,
                body=b'{"message": "No access"}',
                headers=(("x-amzn-ErrorType", "ForbiddenException"),),
            )
        ),
        env={},
        config=SSO.replace("https://x", "https://valid"),
    ),
    "a login with SSO that has expired": Case(
        ("SSO login of the AWS profile default has expired", "run `aws sso login --profile default`"),
        env={},
        config=SSO.replace("https://x", "https://expired"),
    ),
    "a login with SSO that was never made": Case(
        ("SSO login of the AWS profile default", "run `aws sso login --profile default`"), env={}, config=SSO
    ),
    "an unfinished SSO profile": Case(
        ("no AWS credentials (sso)", "missing required configuration"),
        env={},
        config=SSO.replace("sso_region = us-east-1\n", ""),
    ),
    "expired keys": Case(
        ("S3 did not list", "(ExpiredToken): the credentials have expired: renew them"),
        refusal("List", "ExpiredToken", "The provided token has expired.", 400),
        code="ExpiredToken",
    ),
    "a clock that S3 refuses": Case(
        ("clock is wrong: set it (NTP)",),
        refusal("List", "RequestTimeTooSkewed", "The difference is too large."),
        code="RequestTimeTooSkewed",
    ),
    "a token of a region that is not enabled": Case(
        ("(InvalidToken)", "region is enabled for your account"),
        refusal("List", "InvalidToken", "The provided token is malformed", 400),
        code="InvalidToken",
    ),
    "a bucket in another region": Case(
        ("the bucket is in eu-central-1: set AWS_DEFAULT_REGION to that",),
        refusal("List", "AuthorizationHeaderMalformed", "expecting x", 400, "<Region>eu-central-1</Region>"),
        code="PermanentRedirect",
    ),
    "a bucket in an opt-in region": Case(
        ("another region: check AWS_DEFAULT_REGION", "S3 says: The me-south region is incompatible"),
        refusal("List", "IllegalLocationConstraintException", "The me-south region is incompatible", 400),
        code="PermanentRedirect",
    ),
}

FILES = {
    "a token file that is not there": Case(
        ("AWS_WEB_IDENTITY_TOKEN_FILE names no-such-file, which is not there",),
        env={**WEB, "AWS_WEB_IDENTITY_TOKEN_FILE": "no-such-file"},
    ),
    "an empty token file": Case(
        ("AWS_WEB_IDENTITY_TOKEN_FILE names empty, which has no token in it",),
        env={**WEB, "AWS_WEB_IDENTITY_TOKEN_FILE": "empty"},
    ),
    "a token file that is a folder": Case(
        ("AWS_WEB_IDENTITY_TOKEN_FILE names folder, which is a folder",),
        env={**WEB, "AWS_WEB_IDENTITY_TOKEN_FILE": "folder"},
    ),
    "a token file that is no text": Case(
        ("AWS_WEB_IDENTITY_TOKEN_FILE names binary, which is not a text",),
        env={**WEB, "AWS_WEB_IDENTITY_TOKEN_FILE": "binary"},
    ),
    "a token file in a profile": Case(
        ("The AWS profile default names no-such-file, which is not there",),
        env={},
        config=f"[default]\nrole_arn = {ROLE}\nweb_identity_token_file = no-such-file\n",
    ),
    "a role that is not an ARN": Case(
        ("The role of the AWS profile default cannot be assumed: check its ARN",),
        env={},
        config=ASSUMED.replace(ROLE, "duo"),
    ),
    "the token file of a container": Case(
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names no-such-file, which is not there",),
        env={
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/x",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "no-such-file",
        },
    ),
    "a container's service on a foreign host": Case(
        ("no AWS credentials (container-role)", "Unsupported host"),
        env={"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/x"},
    ),
    "a program that is not there": Case(
        ("The credential_process of the AWS profile default names /no/such/program, which is not there",),
        env={},
        config=process("/no/such/program --x"),
    ),
    "a program that may not be run": Case(
        ("names ./token, which cannot be run (Permission denied)",), env={}, config=process("./token")
    ),
    "a program that fails": Case(
        ("failed: run it in a shell",), env={}, config=process("sh -c 'echo printed-secret >&2; exit 3'")
    ),
    "a program that prints no JSON": Case(
        ("did not print the JSON that AWS expects",), env={}, config=process("echo printed-secret")
    ),
    "a program that prints other JSON": Case(
        ("did not print the JSON that AWS expects",), env={}, config=process("echo [1]")
    ),
    "a program that leaves out the keys": Case(
        ("did not print the JSON that AWS expects",), env={}, config=process("""echo '{"Version": 1}'""")
    ),
    "a program that prints expired keys": Case(
        ("printed credentials that have expired",), env={}, config=expired()
    ),
    "a profile that is not there": Case(
        ("There is no AWS profile nobody: correct AWS_PROFILE",), env={"AWS_PROFILE": "nobody"}
    ),
    "a source that is not there": Case(
        ("source_profile", "does not exist"),
        env={},
        config=ASSUMED.replace("source_profile = source", "source_profile = nobody"),
    ),
    "half of the keys": Case(
        ("incomplete: AWS_SECRET_ACCESS_KEY is not set",), env={"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE"}
    ),
    "half of the keys in a file": Case(
        ("incomplete: AWS_SECRET_ACCESS_KEY is not set",),
        env={},
        config="[default]\naws_access_key_id = AKIAEXAMPLE\n",
    ),
    "a configuration that does not parse": Case(
        ("The AWS configuration", "config is not valid"), config="region = us-east-1\n"
    ),
    "a configuration in UTF-16": Case(
        ("The AWS configuration", "config is not valid"), config="[default]\n".encode("utf-16")
    ),
    "a region that cannot be one": Case(
        ("is not a valid region: check AWS_DEFAULT_REGION",),
        env={**KEYS, "AWS_DEFAULT_REGION": "eu central"},
    ),
    "an address that is not a URL": Case(
        ("AWS_ENDPOINT_URL is not a valid URL",), env={**KEYS, "AWS_ENDPOINT_URL": "minio:9000"}
    ),
    "a setting of the SDK that it does not know": Case(
        ("InvalidChecksumConfigError", "check the AWS_* variables"),
        env={**KEYS, "AWS_REQUEST_CHECKSUM_CALCULATION": "sometimes"},
    ),
    "an empty key": Case(
        ("does not send the request to write s3://b/", "Invalid length for parameter Key"), act="empty key"
    ),
}

KEYBOARD = {
    "a profile with a second factor": Case(
        ("The AWS profile default asks for an MFA code (mfa_serial)", "nobody can type one"),
        env={},
        config=SECOND_FACTOR,
    ),
    "a source with a second factor": Case(
        ("The AWS profile middle asks for an MFA code",),
        env={},
        config=ASSUMED.replace("source_profile = source", "source_profile = middle")
        + f"[profile middle]\nrole_arn = {ROLE}2\nsource_profile = source\nmfa_serial = x\n",
    ),
    "a profile of another name with a second factor": Case(
        ("The AWS profile soc asks for an MFA code",),
        env={"AWS_PROFILE": "soc"},
        config=ASSUMED.replace("[default]", "[profile soc]\nmfa_serial = x"),
    ),
}

OWN_WORDS = {
    "a key of KMS that may not be used": Case(
        (
            "KMS did not let S3 write s3://b/a (AccessDenied)",
            "the policy of the key denies kms:GenerateDataKey: change it",
        ),
        refusal("PutNew", "AccessDenied", denied("kms:GenerateDataKey", "a resource-based policy")),
        act="put new",
        code="AccessDenied",
    ),
    "a key of KMS that may not open": Case(
        ("KMS did not let S3 read s3://b/a (AccessDenied)", "kms:Decrypt"),
        refusal("Get", "AccessDenied", "User: x is not authorized to perform: kms:Decrypt on y"),
        act="read",
        code="AccessDenied",
    ),
    "a key of KMS that an organization's policy denies": Case(
        (
            "KMS did not let S3 write",
            "service control policy of AWS Organizations denies kms:GenerateDataKey",
        ),
        refusal("Put", "AccessDenied", denied("kms:GenerateDataKey", "a service control policy")),
        act="put",
        code="AccessDenied",
    ),
    "a key of KMS that is disabled": Case(
        ("KMS did not let S3 write", "the key is disabled: enable it", "S3 says: "),
        refusal("Put", "KMS.DisabledException", "arn:aws:kms:x is disabled.", 400),
        act="put",
        code="KMS.DisabledException",
    ),
    "a key of KMS that is not there": Case(
        ("KMS did not let S3 write", "check S3_KMS_KEY_ID"),
        refusal("Put", "KMS.NotFoundException", "Invalid keyId", 400),
        act="put",
        code="KMS.NotFoundException",
    ),
    "a policy that asks for encryption": Case(
        ("the bucket's policy asks for encryption: set S3_KMS_KEY_ID", "S3 says: "),
        refusal("Put", "AccessDenied", "the header x-amz-server-side-encryption is missing"),
        act="put",
        code="AccessDenied",
    ),
    "a policy of the bucket": Case(
        (
            "the policy of the bucket denies s3:PutObject: change it",
            "If it asks for encryption, set S3_KMS_KEY_ID",
        ),
        refusal("Put", "AccessDenied", denied("s3:PutObject", "a resource-based policy")),
        act="put",
        code="AccessDenied",
    ),
    "an organization's policy": Case(
        ("a service control policy of AWS Organizations denies s3:ListBucket: its administrator",),
        refusal("List", "AccessDenied", denied("s3:ListBucket", "a service control policy")),
        code="AccessDenied",
        never=("the credentials need",),
    ),
    "a permissions boundary": Case(
        ("the permissions boundary of the role or user does not allow s3:GetObject",),
        refusal("Get", "AccessDenied", "to perform: s3:GetObject because no permissions boundary allows it"),
        act="read",
        code="AccessDenied",
    ),
    "a denial without a reason": Case(
        ("the credentials need s3:ListBucket", "a policy may deny the request, or ask for encryption"),
        refusal("Put", "AccessDenied", "Access Denied"),
        act="put",
        code="AccessDenied",
        never=("S3 says",),
    ),
    "a store without checksums": Case(
        ("AWS_REQUEST_CHECKSUM_CALCULATION=when_required", "S3 says: A header you provided implies"),
        refusal("Put", "NotImplemented", "A header you provided implies functionality not here", 501),
        act="put",
        code="NoChecksum",
    ),
    "a store that calls a checksum an argument": Case(
        ("AWS_REQUEST_CHECKSUM_CALCULATION=when_required",),
        refusal("PutNew", "InvalidArgument", "Unsupported header x-amz-checksum-crc", 400),
        act="put new",
        code="NoChecksum",
    ),
    "a store that signs the chunks in another way": Case(
        (
            "the secret key is wrong",
            "if other requests work",
            "AWS_REQUEST_CHECKSUM_CALCULATION=when_required",
        ),
        refusal("Put", "SignatureDoesNotMatch", "Access denied."),
        act="put",
        code="SignatureDoesNotMatch",
    ),
    "a store without chunks": Case(
        ("AWS_REQUEST_CHECKSUM_CALCULATION=when_required",),
        refusal("Put", "MissingContentLength", "You must provide the length", 411),
        act="put",
        code="NoChecksum",
    ),
    "a store without conditional writes": Case(
        ("does not support If-None-Match", "use Amazon S3 or a store that honours"),
        refusal("PutNew", "NotImplemented", "A header you provided implies functionality not here", 501),
        act="put new",
        code="NoCondition",
    ),
    "a store that calls the condition invalid": Case(
        ("does not support If-None-Match", "S3 says: "),
        refusal("PutNew", "InvalidRequest", "If-None-Match is not supported", 400),
        act="put new",
        code="NoCondition",
    ),
    "a body that is too large": Case(
        ("the object is larger than the store takes",),
        refusal("Put", "EntityTooLarge", "Your proposed upload is too large", 400),
        act="put",
        code="EntityTooLarge",
    ),
    "a store that has too much to do": Case(
        ("S3 has too much to do: the next run tries again",),
        refusal("List", "SlowDown", "Please reduce your request rate.", 503),
        code="SlowDown",
    ),
    "a store that does not understand": Case(
        ("does not understand the request", "S3 says: The XML you provided"),
        refusal("List", "MalformedXML", "The XML you provided was not well formed", 400),
        code="MalformedXML",
    ),
    "a code that nobody knows": Case(
        ("(QuotaExceeded): look up this code", "S3 says: The bucket is full"),
        refusal("Put", "QuotaExceeded", "The bucket is full", 403),
        act="put",
        code="QuotaExceeded",
        never=(),
    ),
    "a gateway that blocks": Case(
        (
            "What answered the request to list s3://b/x/ is not S3 (status 403, server BlueGate)",
            "check AWS_ENDPOINT_URL",
        ),
        lambda aws: aws.answers.update(
            List=Answer(
                403, body=b"<html>no</html>", headers=(("Content-Type", "text/html"), ("Server", "BlueGate"))
            )
        ),
    ),
}


@pytest.fixture
def aws() -> Iterator[FakeAws]:
    with fake_aws() as served:
        yield served


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[FakeAws, Case], None]:
    """What sets a machine up as a case has it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "token").write_text("a.web.identity")
    (tmp_path / "empty").touch()
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(SSOProvider, "_SSO_TOKEN_CACHE_DIR", str(tmp_path))
    for login, until in (("https://valid", 2099), ("https://expired", 2020)):
        token = {"accessToken": "x", "expiresAt": f"{until}-01-01T00:00:00Z"}
        (tmp_path / f"{hashlib.sha1(login.encode()).hexdigest()}.json").write_text(json.dumps(token))

    def set_up(aws: FakeAws, case: Case) -> None:
        config = case.config if isinstance(case.config, bytes) else case.config.encode()
        (tmp_path / "config").write_bytes(config)
        settings = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_DEFAULT_REGION": "us-east-1"}
        for name, value in {**settings, "AWS_ENDPOINT_URL": aws.url, **case.env}.items():
            monkeypatch.setenv(name, value)
        case.how(aws)

    return set_up


def do(act: str) -> None:
    bucket = Bucket(s3_client(S3Resource(max_attempts=1)), "b")
    match act:
        case "list":
            bucket.keys("x/")
        case "read":
            list(bucket.lines("a"))
        case "put":
            bucket.put("a", body_of(b"x\n"))
        case "put new":
            bucket.put_new("a", body_of(b"x\n"))
        case "empty key":
            bucket.put("", body_of(b"x\n"))


@pytest.mark.parametrize("name", [*IDENTITY, *FILES, *KEYBOARD, *OWN_WORDS])
def test_the_sentence_says_who_refused_and_the_cure(
    aws: FakeAws, machine: Callable[[FakeAws, Case], None], name: str
) -> None:
    case = {**IDENTITY, **FILES, **KEYBOARD, **OWN_WORDS}[name]
    machine(aws, case)
    with pytest.raises(BucketError) as caught:
        do(case.act)
    sentence = str(caught.value)
    for words in case.says:
        assert words in sentence
    for words in (*case.never, *SECRETS):
        assert words not in sentence
    assert caught.value.code == case.code
    if case.code is None and name not in OWN_WORDS:
        assert not {"List", "Put", "PutNew", "Get"} & set(aws.seen)
        assert caught.value.scope == "each key"


def test_keys_in_the_environment_come_before_a_profile_with_a_second_factor(
    aws: FakeAws, machine: Callable[[FakeAws, Case], None]
) -> None:
    machine(aws, Case((), env={**KEYS, "AWS_PROFILE": "default"}, config=SECOND_FACTOR))
    do("list")
    assert aws.seen == ["List"]


@pytest.mark.parametrize("name", ["b/prefix", "s3://b", "my bucket", "bücket"])
def test_a_bucket_name_that_is_not_valid_is_named(
    aws: FakeAws, machine: Callable[[FakeAws, Case], None], name: str
) -> None:
    machine(aws, Case(()))
    with pytest.raises(BucketError, match="is not a valid bucket name: check S3_BUCKET"):
        Bucket(s3_client(S3Resource()), name).keys("")
    assert aws.seen == []


ELSEWHERE = {
    name: {**IDENTITY, **FILES, **KEYBOARD}[name]
    for name in (
        "a role that may not be assumed",
        "a login with SSO that was never made",
        "a token file that is not there",
        "a program that prints no JSON",
        "a profile that is not there",
        "a profile with a second factor",
    )
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_the_secrets_manager_and_the_topic_say_the_same(
    aws: FakeAws, machine: Callable[[FakeAws, Case], None], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    case = ELSEWHERE[name]
    machine(aws, case)
    with pytest.raises(SettingsError, match=r"^The secret duo/acme cannot be read\. ") as caught:
        with_keys({"secret": "duo/acme"})
    with pytest.raises(TopicError, match="SNS did not get a message") as topic:
        Topic("arn:aws:sns:eu-central-1:123456789012:duo").publish(Message("A subject", "A text"))
    for words in case.says:
        for service, error in (("Secrets Manager", caught), ("SNS", topic)):
            assert words.replace("S3 was", f"{service} was") in str(error.value)
    for words in ("secretsmanager:GetSecretValue", "sns:Publish", *SECRETS):
        assert words not in str(caught.value) + str(topic.value) + caplog.text


def proxy_that_answers(status: bytes) -> tuple[str, socket.socket]:
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")

    threading.Thread(target=serve, daemon=True).start()
    return f"127.0.0.1:{listening.getsockname()[1]}", listening


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (
            b"407 Proxy Authentication Required",
            "answered 407 to the request for S3: put its user",
        ),
        (b"403 Forbidden", "answered 403 to the request for S3: check HTTPS_PROXY"),
        (b"", "cannot be reached: check HTTPS_PROXY"),
    ],
)
def test_a_proxy_that_does_not_let_s3_through_is_named_without_its_password(
    aws: FakeAws,
    machine: Callable[[FakeAws, Case], None],
    monkeypatch: pytest.MonkeyPatch,
    status: bytes,
    says: str,
) -> None:
    address, listening = proxy_that_answers(status)
    if not status:
        listening.close()
    machine(aws, Case((), env={**KEYS, "AWS_ENDPOINT_URL": "https://s3.example.com"}))
    monkeypatch.setenv("HTTPS_PROXY", f"http://p:proxy-password@{address}")
    with pytest.raises(BucketError) as caught:
        do("list")
    listening.close()
    assert f"The proxy {address} {says}" in str(caught.value)
    assert "proxy-password" not in str(caught.value)
