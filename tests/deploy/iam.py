"""What IAM says to a call. moto's own IAM looks neither at conditions nor, outside S3, at resources."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Document = Mapping[str, Any]

_S3_ACTIONS = {
    "DeleteObjects": "DeleteObject",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
}
_NAMED_BY = {"RunTask": "taskDefinition", "StopTask": "task", "DescribeTasks": "tasks", "PassRole": "RoleArn"}
_ELEMENTS = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}


@dataclass(frozen=True)
class Call:
    """A call of AWS's API, as boto3 makes it.

    Attributes:
        service: As boto3 names it.
        operation: As the API names it.
        params: What it is called with.
    """

    service: str
    operation: str
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def action(self) -> str:
        """The right that the call needs."""
        version = "Version" if "VersionId" in self.params else ""
        return f"{self.service}:{_S3_ACTIONS.get(self.operation, self.operation)}{version}"

    @property
    def resource(self) -> str:
        """The resource of the call: an ARN, or * for the whole account."""
        if self.service == "s3" and "Bucket" in self.params:
            key = f"/{self.params['Key']}" if "Key" in self.params else ""
            return f"arn:aws:s3:::{self.params['Bucket']}{key}"
        if self.operation in _NAMED_BY:
            named = self.params[_NAMED_BY[self.operation]]
            return str(named if isinstance(named, str) else named[0])
        return next((value for value in self.params.values() if str(value).startswith("arn:")), "*")

    @property
    def context(self) -> dict[str, str]:
        """What conditions can look at."""
        keys = {"Prefix": "s3:prefix", "cluster": "ecs:cluster"}
        return {key: self.params[name] for name, key in keys.items() if name in self.params}


def allows(documents: Iterable[Document], call: Call, **context: str) -> bool:
    """Return whether the policies allow the call: one allows it, and none denies it.

    Raises:
        AssertionError: A policy says something that this function does not know.
    """
    effects = {
        statement["Effect"]
        for document in documents
        for statement in document["Statement"]
        if _concerns(statement, call.action, call.resource, {**call.context, **context})
    }
    return effects == {"Allow"}


def _concerns(statement: Document, action: str, resource: str, context: Mapping[str, str]) -> bool:
    assert statement.keys() <= _ELEMENTS, statement
    return (
        _any_like(statement["Action"], action)
        and _any_like(statement["Resource"], resource)
        and all(
            _holds(operator, values, context.get(key))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _holds(operator: str, values: str | list[str], value: str | None) -> bool:
    assert operator in ("StringLike", "StringEquals", "ArnEquals", "Bool"), operator
    if operator == "StringEquals":
        return value in ([values] if isinstance(values, str) else values)
    return value is not None and _any_like(values, value)


def _any_like(patterns: str | list[str], text: str) -> bool:
    return any(
        re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text, re.DOTALL)
        for pattern in ([patterns] if isinstance(patterns, str) else patterns)
    )
