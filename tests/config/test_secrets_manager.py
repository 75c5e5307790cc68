"""Duo's keys in AWS Secrets Manager, which is emulated by moto."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from duo_pipeline.config import settings
from duo_pipeline.config.account import Account
from duo_pipeline.config.settings import SettingsError

HELD = Account("acme", "_acme", given={"DUO_API_HOST": "api-a.duosecurity.com"}, secret="duo/acme")


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        yield boto3.Session().client("secretsmanager")


def test_the_keys_are_those_of_the_secret(manager: Any) -> None:
    manager.create_secret(Name="duo/acme", SecretString=json.dumps({"DUO_IKEY": "DI1", "DUO_SKEY": "sss"}))
    duo = settings.duo({"DUO_IKEY": "other", "DUO_SKEY": "other"}, HELD)
    assert (duo.ikey, duo.skey) == ("DI1", "sss")


@pytest.mark.parametrize(
    "content", ["sss", "[]", '"sss"', '{"DUO_IKEY": "sss"}', '{"DUO_IKEY": "sss", "DUO_SKEY": ""}', "null"]
)
def test_a_secret_of_another_form_is_a_sentence_without_it(manager: Any, content: str) -> None:
    manager.create_secret(Name="duo/acme", SecretString=content)
    with pytest.raises(
        SettingsError, match=r"^The secret duo/acme must be the JSON object .*DUO_SKEY"
    ) as caught:
        settings.duo({}, HELD)
    assert "sss" not in str(caught.value)


@pytest.mark.usefixtures("manager")
def test_a_secret_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"duo/acme cannot be read \(ResourceNotFoundException\): check"):
        settings.duo({}, HELD)
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(SettingsError, match=r"duo/acme cannot be read \(NoRegionError\): check"):
        settings.duo({}, HELD)


@pytest.mark.usefixtures("manager")
def test_the_feed_is_read_without_it() -> None:
    assert settings.feed({"S3_BUCKET": "b"}, HELD).bucket == "b"
