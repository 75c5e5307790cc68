"""Tests with TLS: certificates, and the framing that the AWS SDK uses only there."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from dagster_aws.s3 import S3Resource
from moto import mock_aws

from duo_pipeline.defs.resources import s3_client
from duo_pipeline.landing.bucket import Bucket, BucketError
from duo_pipeline.landing.store_check import check_store
from tests.landing.fake_aws import FakeAws, fake_aws

PROBE = "work/check/probe.ndjson"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody has signed, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    file.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return file


@pytest.fixture
def aws(certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    with fake_aws(certificate) as served:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": served.url,
            "AWS_CONFIG_FILE": str(tmp_path / "config"),
        }.items():
            monkeypatch.setenv(name, value)
        (tmp_path / "folder").mkdir()
        (tmp_path / "no-pem").write_text("not a certificate")
        monkeypatch.chdir(tmp_path)
        yield served


def refused() -> str:
    with pytest.raises(BucketError) as caught:
        Bucket(s3_client(S3Resource(max_attempts=1)), "b").keys("")
    return str(caught.value)


def test_a_certificate_that_is_not_trusted_names_the_variable(aws: FakeAws) -> None:
    sentence = refused()
    assert "The certificate of 127.0.0.1 is not trusted (self-signed certificate)" in sentence
    assert "REQUESTS_CA_BUNDLE, which counts for Duo and for AWS" in sentence
    assert "AWS_CA_BUNDLE" not in sentence
    assert aws.seen == []


def test_one_variable_is_enough_for_s3_and_for_sts(
    aws: FakeAws, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("a.web.identity")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/duo")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "token")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert Bucket(s3_client(S3Resource()), "b").keys("") == []
    assert aws.seen == ["AssumeRoleWithWebIdentity", "List"]


@pytest.mark.usefixtures("aws")
def test_another_variable_that_counts_instead_is_named(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(Path(ssl.get_default_verify_paths().cafile or "none")))
    if not Path(ssl.get_default_verify_paths().cafile or "none").exists():
        pytest.skip("this machine has no file of CA certificates")
    assert "AWS_CA_BUNDLE is set and counts instead of it: correct that." in refused()


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"])
@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("gone", "which is not there"),
        ("no-pem", "which has no certificates (PEM)"),
        ("folder", "which is a folder, and AWS's SDK needs one file"),
    ],
)
def test_a_file_of_certificates_that_cannot_be_used_is_named(
    variable: str, path: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, path)
    assert refused() == f"{variable} names {path}, {fault}: correct it."


@pytest.mark.usefixtures("aws")
def test_an_empty_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "")
    assert refused() == "REQUESTS_CA_BUNDLE is set and empty: name a file of CA certificates, or unset it."


@pytest.mark.parametrize("required_only", [False, True])
def test_a_store_that_keeps_the_framing_works_if_the_sdk_sends_none(
    aws: FakeAws, certificate: Path, monkeypatch: pytest.MonkeyPatch, *, required_only: bool
) -> None:
    aws.unwraps = False
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    if required_only:
        monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
    bucket = Bucket(s3_client(S3Resource()), "b")
    if required_only:
        check_store(bucket, PROBE)
        return
    with pytest.raises(BucketError, match=r"framing of the request \(aws-chunked\)") as caught:
        check_store(bucket, PROBE)
    assert caught.value.scope == "each key"


def test_a_store_that_unwraps_the_framing_works(
    aws: FakeAws, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    check_store(Bucket(s3_client(S3Resource()), "b"), PROBE)
    assert [headers.get("content-encoding") for headers in aws.puts] == ["aws-chunked"] * 2


def test_amazons_rules_as_moto_knows_them_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "ACCESS_KEY_ID": "x",
        "SECRET_ACCESS_KEY": "x",
        "DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with mock_aws():
        client = s3_client(S3Resource())
        client.create_bucket(Bucket="bucket")
        check_store(
            Bucket(client, "bucket", {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/soc"}), PROBE
        )
        assert client.head_object(Bucket="bucket", Key=PROBE)["ServerSideEncryption"] == "aws:kms"
