"""Duo's keys, where AWS Secrets Manager holds them."""

import json
from collections.abc import Mapping

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from duo_pipeline.config.settings import SettingsError
from duo_pipeline.landing.credential_errors import prepare_botocore
from duo_pipeline.landing.unanswered import why_unanswered

KEYS = {"ikey": "DUO_IKEY", "skey": "DUO_SKEY"}
_SOON = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 3})


def with_keys(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the settings with the keys from the secret that they name; if they name none, AWS is not asked.

    A secret is a JSON object with ``DUO_IKEY`` and ``DUO_SKEY``, like that of `deploy/aws`.

    Args:
        texts: The settings; ``secret`` is the secret's name or ARN.

    Raises:
        SettingsError: The secret cannot be read, or does not have both keys.
    """
    name = texts.get("secret")
    if not name:
        return dict(texts)
    try:
        prepare_botocore()
        client = boto3.Session().client("secretsmanager", config=_SOON)
        secret = client.get_secret_value(SecretId=name).get("SecretString", "")
    except Exception as error:
        if why := why_unanswered(error, "Secrets Manager", "read it"):
            raise SettingsError(f"The secret {name} cannot be read. {why}") from None
        if not isinstance(error, ClientError):
            raise
        code = error.response["Error"]["Code"]
        raise SettingsError(
            f"The secret {name} cannot be read ({code}): check its name and region, and that the credentials"
            " allow secretsmanager:GetSecretValue on it."
        ) from None
    try:
        content = json.loads(secret)
        keys = {setting: content[key] for setting, key in KEYS.items()}
    except (KeyError, TypeError, ValueError):
        keys = {}
    if not keys or not all(isinstance(key, str) and key.strip() for key in keys.values()):
        raise SettingsError(
            f'The secret {name} must be the JSON object {{"DUO_IKEY": "…", "DUO_SKEY": "…"}}, with both keys.'
        )
    return {**texts, **keys}
