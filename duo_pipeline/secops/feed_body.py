"""Build the body of the request that creates the feed in Google SecOps, which reads the bucket."""

import json
import re
import shlex
from dataclasses import asdict
from typing import Any

from duo_pipeline.secops.instance import LOG_TYPE, Instance

MAX_LOOKBACK_DAYS = 180
"""The most that Google allows; Duo also keeps its log for 180 days."""
_ID = re.compile(r"[A-Za-z0-9.:-]+")
_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/\S+", re.ASCII)


class FeedBodyError(Exception):
    """Google would not accept the body; the text is one sentence for a person, without secrets."""


def access_key(key_id: str, secret: str) -> dict[str, Any]:
    """Return the authentication with which Google reads the bucket as an IAM user."""
    return {"accessKeySecretAuth": {"accessKeyId": key_id, "secretAccessKey": secret}}


def role(arn: str, subject_id: str) -> dict[str, Any]:
    """Return the authentication with which Google assumes an IAM role, as the subject that the role trusts.

    Raises:
        FeedBodyError: ``arn`` is not the ARN of a role.
    """
    if not _ROLE_ARN.fullmatch(arn):
        raise FeedBodyError(
            f"The role ({arn}) is not a valid ARN: use one like arn:aws:iam::123456789012:role/secops-reader."
        )
    return {"awsIamRoleAuth": {"awsIamRoleArn": arn, "subjectId": subject_id}}


def feed_body(
    s3_uri: str, instance: Instance, *, display_name: str, authentication: dict[str, Any]
) -> dict[str, Any]:
    """Return the body that creates the feed, checked with Google's own class.

    The feed deletes nothing from the bucket: a deleted object would be landed and ingested again.

    Args:
        s3_uri: The bucket and the prefix, ``s3://bucket/prefix/``.
        instance: The instance that gets the feed.
        display_name: The name of the feed in the instance.
        authentication: The result of `access_key` or `role`.

    Raises:
        FeedBodyError: A part of the instance's name is not a valid id, or Google would not accept the body.
    """
    for name, value in asdict(instance).items():
        if not _ID.fullmatch(value):
            raise FeedBodyError(
                f"The {name} ({value}) is not a valid id: use only letters, digits, '.', ':' and '-'."
            )
    body = {
        "displayName": display_name,
        "details": {
            "feedSourceType": "AMAZON_S3_V2",
            "logType": f"{instance.name}/logTypes/{LOG_TYPE}",
            "amazonS3V2Settings": {
                "s3Uri": s3_uri,
                "sourceDeletionOption": "NEVER",
                "maxLookbackDays": MAX_LOOKBACK_DAYS,
                "authentication": authentication,
            },
        },
    }
    check_body(body)
    return body


def check_body(body: dict[str, Any]) -> None:
    """Check the body with the class of Google's own client, which knows each field and its values.

    Raises:
        FeedBodyError: The body is not valid.
    """
    from google.cloud import chronicle_v1  # this import takes a third of a second
    from google.protobuf.json_format import ParseError

    try:
        chronicle_v1.Feed.from_json(json.dumps(body))
    except ParseError as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise FeedBodyError(f"Google's client does not accept the body of the feed: {reason}.") from None


def secops_command(body: dict[str, Any], instance: Instance) -> str:
    """Return the shell command of Google's SDK (``pip install secops``) that creates the feed."""
    return shlex.join(
        [
            *("secops", "feed", "create"),
            *("--display-name", body["displayName"]),
            *("--details", json.dumps(body["details"], ensure_ascii=False)),
            *("--project-id", instance.project),
            *("--region", instance.location),
            *("--customer-id", instance.instance),
        ]
    )
