"""The buckets from which the emulated SecOps transfers objects."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


@dataclass(frozen=True)
class StoredObject:
    """An object: its key, what changes when it is updated, and when it was written, in UTC."""

    key: str
    etag: str
    modified: datetime


class Store(Protocol):
    """The source of the objects."""

    def objects(self, bucket: str, prefix: str) -> Iterable[StoredObject]:
        """Return the objects below a prefix."""

    def read(self, bucket: str, key: str) -> bytes:
        """Return the content of an object."""


class S3Store:
    """Reads objects from an S3 server."""

    def __init__(self, client: "S3Client") -> None:
        self._client = client

    def objects(self, bucket: str, prefix: str) -> Iterable[StoredObject]:
        """Yield the objects below a prefix."""
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for found in page.get("Contents", []):
                yield StoredObject(found["Key"], found["ETag"], found["LastModified"])

    def read(self, bucket: str, key: str) -> bytes:
        """Return the content of an object."""
        return self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
