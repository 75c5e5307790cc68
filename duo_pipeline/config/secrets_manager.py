"""Duo's keys, where AWS Secrets Manager holds them."""

import json

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

KEYS = ("DUO_IKEY", "DUO_SKEY")
_SOON = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 3})


class SecretError(Exception):
    """A secret could not be read; the text is one sentence for a person, without what is secret."""


def duo_keys(name: str) -> dict[str, str]:
    """Give ``DUO_IKEY`` and ``DUO_SKEY`` of a secret: a JSON object, as that of `deploy/aws` is.

    Args:
        name: The secret's name or ARN.

    Raises:
        SecretError: It cannot be read, or has not both.
    """
    try:
        client = boto3.Session().client("secretsmanager", config=_SOON)
        content = json.loads(client.get_secret_value(SecretId=name)["SecretString"])
        keys = {key: content[key] for key in KEYS}
    except (ClientError, BotoCoreError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        raise SecretError(
            f"The secret {name} cannot be read ({code}): check its name and region, and that the credentials"
            " may do secretsmanager:GetSecretValue on it."
        ) from None
    except (KeyError, TypeError, ValueError):
        keys = {}
    if not keys or not all(isinstance(key, str) and key.strip() for key in keys.values()):
        raise SecretError(
            f'The secret {name} must be the JSON object {{"DUO_IKEY": "…", "DUO_SKEY": "…"}}, and is not.'
        )
    return keys
