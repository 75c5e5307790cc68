"""Duo's keys in AWS Secrets Manager, which is emulated by moto."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from duo_pipeline.config.secrets_manager import with_keys
from duo_pipeline.config.settings import SettingsError

HELD = {"ikey": "", "skey": "", "host": "api-a.duosecurity.com", "secret": "duo/acme"}


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        yield boto3.Session().client("secretsmanager")


def test_the_keys_are_those_of_the_secret(manager: Any) -> None:
    manager.create_secret(Name="duo/acme", SecretString=json.dumps({"DUO_IKEY": "DI1", "DUO_SKEY": "sss"}))
    assert with_keys(HELD) == {**HELD, "ikey": "DI1", "skey": "sss"}


@pytest.mark.parametrize(
    "content", ["sss", "[]", '"sss"', '{"DUO_IKEY": "sss"}', '{"DUO_IKEY": "sss", "DUO_SKEY": ""}', "null"]
)
def test_a_secret_of_another_form_is_a_sentence_without_it(manager: Any, content: str) -> None:
    manager.create_secret(Name="duo/acme", SecretString=content)
    with pytest.raises(
        SettingsError, match=r"^The secret duo/acme must be the JSON object .*DUO_SKEY"
    ) as caught:
        with_keys(HELD)
    assert "sss" not in str(caught.value)


@pytest.mark.usefixtures("manager")
def test_a_secret_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"duo/acme cannot be read \(ResourceNotFoundException\): check"):
        with_keys(HELD)
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(SettingsError, match=r"duo/acme cannot be read\. There is no AWS region: set"):
        with_keys(HELD)


def test_without_a_secret_aws_is_not_asked() -> None:
    texts = {"ikey": "DI2", "skey": "s", "secret": ""}
    assert with_keys(texts) == texts
