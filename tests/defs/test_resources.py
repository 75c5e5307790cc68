"""The external systems, as Dagster's resources."""

import json
from datetime import UTC, datetime
from pathlib import Path

import boto3
import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap, ResourceConfigEnvVarSnap
from dagster_aws.s3 import S3Resource
from moto import mock_aws

from duo_pipeline.config import settings as config
from duo_pipeline.config.account import DEFAULT_ACCOUNT, Account
from duo_pipeline.config.accounts_file import accounts
from duo_pipeline.defs.assets import hours_run
from duo_pipeline.defs.pipeline import pipeline
from duo_pipeline.defs.resources import S3Feed, duo_and_feed, resources_of
from duo_pipeline.landing.bucket import Bucket
from tests.landing.test_bucket import body_of

ACCOUNTS = """
accounts:
  - {name: acme, host: api-a.duosecurity.com, ikey_variable: ACME_IKEY, skey_variable: ACME_SKEY}
  - {name: globex, host: api-p.duosecurity.com, secret: duo/globex, account_id: DA1, prefix: globex/feed}
"""


def page(*accounts: Account) -> RepositorySnap:
    """Return what the code server sends to the UI, whose Resources page shows it."""
    made = [pipeline(account, {}, lambda: datetime.now(UTC)).definitions for account in accounts]
    return RepositorySnap.from_def(dg.Definitions.merge(*made).get_repository_def())


def shown(repository: RepositorySnap) -> dict[str, dict[str, str]]:
    """Return the settings of each resource: their values, or their variables with a dollar sign."""
    return {
        resource.name: {
            name: f"${value.name}" if isinstance(value, ResourceConfigEnvVarSnap) else json.loads(value)
            for name, value in resource.configured_values.items()
        }
        for resource in repository.resources or []
    }


def test_the_ui_shows_the_variable_of_each_setting_whether_it_is_set_or_not() -> None:
    assert shown(page(DEFAULT_ACCOUNT)) == {
        "duo_admin_api": {
            "ikey": "$DUO_IKEY",
            "skey": "$DUO_SKEY",
            "host": "$DUO_API_HOST",
            "retry_base_seconds": "$DUO_RETRY_BASE_SECONDS",
            "retry_attempts": "$DUO_RETRY_ATTEMPTS",
        },
        "telephony_feed": {
            "bucket": "$S3_BUCKET",
            "prefix": "$S3_PREFIX",
            "work_prefix": "$S3_WORK_PREFIX",
            "base_work_prefix": "$S3_WORK_PREFIX",
            "record_format": "$DUO_RECORD_FORMAT",
            "encryption": "$S3_ENCRYPTION",
            "kms_key_id": "$S3_KMS_KEY_ID",
        },
    }


def test_the_ui_shows_each_default_and_a_run_takes_it() -> None:
    defaults = {}
    for resource in page(DEFAULT_ACCOUNT).resources or []:
        for field in resource.config_field_snaps:
            if field.default_provided and (default := json.loads(field.default_value_as_json_str or "")):
                assert f"; {default} if not set" in str(field.description)
                defaults[str(field.name)] = default
    assert len(defaults) == 6
    needed = {"ikey": "DI", "skey": "s", "host": "api-1.duosecurity.com", "bucket": "b"}
    assert config.duo_and_feed(needed) == config.duo_and_feed(needed | defaults)


@pytest.fixture
def both(tmp_path: Path) -> list[Account]:
    (tmp_path / "accounts.yaml").write_text(ACCOUNTS)
    return accounts({"DUO_ACCOUNTS_FILE": str(tmp_path / "accounts.yaml")})


def test_each_account_has_resources_of_its_own_with_what_the_file_says(both: list[Account]) -> None:
    resources = shown(page(*both))
    assert resources.keys() == {
        *("duo_admin_api_acme", "telephony_feed_acme"),
        *("duo_admin_api_globex", "telephony_feed_globex"),
    }
    acme, globex = resources["duo_admin_api_acme"], resources["duo_admin_api_globex"]
    assert (acme["ikey"], acme["skey"], acme["host"]) == ("$ACME_IKEY", "$ACME_SKEY", "api-a.duosecurity.com")
    assert (globex["ikey"], globex["secret"], globex["account_id"]) == ("", "duo/globex", "DA1")
    feed = resources["telephony_feed_globex"]
    assert (feed["bucket"], feed["prefix"], feed["work_prefix"], feed["base_work_prefix"]) == (
        *("$S3_BUCKET", "globex/feed", "duo-telephony-work/globex/", "$S3_WORK_PREFIX"),
    )


def test_no_asset_uses_a_resource_of_another_account(both: list[Account]) -> None:
    for resource in page(*both).resources or []:
        (account,) = {key.path[0] for key in resource.asset_keys_using}
        assert resource.name.endswith(f"_{account}")


def test_no_key_is_in_what_the_ui_gets(both: list[Account], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DUO_IKEY", "DUO_SKEY", "ACME_IKEY", "ACME_SKEY"):
        monkeypatch.setenv(name, "very-secret")
    for repository in (page(DEFAULT_ACCOUNT), page(*both)):
        sent = dg.serialize_value(repository)
        assert "_IKEY" in sent
        assert "very-secret" not in sent


def test_the_keys_of_an_account_with_a_secret_are_read_when_a_run_opens_duo(
    both: list[Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, globex = both
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("S3_BUCKET", "b")
    monkeypatch.setenv("DUO_IKEY", "DIOTHER")
    with dg.build_resources(resources_of(globex)) as opened, mock_aws():
        api, feed = (getattr(opened, key) for key in (globex.duo_resource, globex.feed_resource))
        with pytest.raises(config.SettingsError, match=r"^The secret duo/globex cannot be read "):
            duo_and_feed(globex, api, feed)
        keys = {"DUO_IKEY": "DI1", "DUO_SKEY": "s1"}
        boto3.client("secretsmanager").create_secret(Name="duo/globex", SecretString=json.dumps(keys))
        duo, where = duo_and_feed(globex, api, feed)
    assert (duo.ikey, duo.skey, duo.account) == ("DI1", "s1", "api-p.duosecurity.com/DA1")
    assert (where.bucket, where.prefix) == ("b", "globex/feed/")


def test_no_asset_reads_the_environment() -> None:
    files = list(Path(hours_run.__file__).parent.glob("*.py"))
    assert len(files) > 5
    assert [
        file.name for file in files if "environ" in file.read_text() or "getenv" in file.read_text()
    ] == []


def opened(bucket: Bucket) -> S3Feed:
    return S3Feed(bucket=bucket.name, s3=S3Resource())


@pytest.mark.usefixtures("settings")
def test_s3_is_not_first_asked_whether_an_object_may_come(bucket: Bucket) -> None:
    resource = opened(bucket)
    feed = resource.open(resource.settings(DEFAULT_ACCOUNT))
    sent: list[dict[str, str]] = []
    feed.bucket._client.meta.events.register(
        "before-send.s3.PutObject", lambda request, **_: sent.append(dict(request.headers))
    )
    feed.bucket.put("a", body_of(b"{}\n"))
    assert [request for request in sent if "Expect" in request] == []
    assert len(sent) == 1
    assert bucket.keys("") == ["a"]


@pytest.mark.usefixtures("settings")
def test_the_steps_of_a_run_share_one_client(bucket: Bucket) -> None:
    resource = opened(bucket)
    first, second = (resource.open(resource.settings(DEFAULT_ACCOUNT)) for _ in range(2))
    assert first.bucket._client is second.bucket._client
