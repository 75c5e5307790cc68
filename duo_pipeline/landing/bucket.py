"""Read and write the S3 bucket; each error is a sentence."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from io import BufferedReader, RawIOBase
from typing import IO, TYPE_CHECKING, Any, Literal, cast

from botocore import exceptions as aws

from duo_pipeline.landing.aws_errors import NO_CHECKSUM, NO_CONDITION, explain
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.packed import is_packed, unpacked_lines
from duo_pipeline.masking import shown_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef

CONTENT_TYPE = "application/x-ndjson"
_CHUNK = 1 << 16
_PUT_TRIES = 5

_OF_EACH_KEY = {
    *("NoSuchBucket", "InvalidBucketName", "AccountProblem", "PermanentRedirect", NO_CONDITION, NO_CHECKSUM),
    *("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "RequestTimeTooSkewed"),
    "SlowDown",
}
_OF_ONE_KEY = {"InvalidObjectState", "NoSuchKey", "EntityTooLarge"}
Scope = Literal["one key", "each key", "unclear"]


class BucketError(Exception):
    """A request to S3 failed; the text is one sentence for a person, without secrets.

    Attributes:
        code: S3's own code, if S3 answered; ``IncompleteRead`` if its answer was cut off.
        verb: What was requested, if S3 answered: ``list``, ``read`` or ``write``.
    """

    def __init__(self, message: str, code: str | None = None, verb: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.verb = verb

    @property
    def scope(self) -> Scope:
        """Return which requests fail for the same reason. Without an answer from S3, all of them do."""
        if self.code is None or self.code in _OF_EACH_KEY:
            return "each key"
        return "one key" if self.code in _OF_ONE_KEY else "unclear"


@contextmanager
def errors_as_sentences(verb: str, what: str, *, conditional: bool = False) -> Iterator[None]:
    """Raise a `BucketError` for an error of AWS, or of its SDK, within the context.

    Args:
        verb: What is requested: ``list``, ``read`` or ``write``.
        what: The URI of what is requested.
        conditional: Whether it is a write that sends If-None-Match.
    """
    try:
        yield
    except BucketError:
        raise
    except Exception as error:
        found = explain(error, verb, what, conditional=conditional)
        if found is None:
            raise
        raise BucketError(found.sentence, found.code, verb if found.code else None) from None


class Bucket:
    """Uses one bucket through a boto3 client.

    Args:
        client: The client.
        name: The bucket's name.
        encryption: What each write asks for: ServerSideEncryption and SSEKMSKeyId, or nothing.

    Raises:
        BucketError: From each method, if S3 refuses the request or cannot be reached.
    """

    def __init__(self, client: "S3Client", name: str, encryption: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._written_with: Any = {"ContentType": CONTENT_TYPE, **(encryption or {})}
        self._client = client
        self._list = client.get_paginator("list_objects_v2")

    def uri(self, key: str) -> str:
        """Return the ``s3://`` URI of an object."""
        return f"s3://{self.name}/{key}"

    def keys(self, prefix: str) -> list[str]:
        """Return the keys below a prefix, in order."""
        return [item["Key"] for page in self._pages(prefix) for item in page.get("Contents", [])]

    def written(self, prefix: str) -> dict[str, datetime]:
        """Return the keys below a prefix, in order, and when each object was written, in UTC."""
        items = (item for page in self._pages(prefix) for item in page.get("Contents", []))
        return {item["Key"]: item["LastModified"] for item in items}

    def files(self, prefix: str) -> list[str]:
        """Return the keys directly below a prefix, in order, without those in its folders."""
        pages = self._pages(prefix, Delimiter="/")
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def folders(self, prefix: str) -> list[str]:
        """Return the names of the folders directly below a prefix, in order; each ends in a slash."""
        pages = self._pages(prefix, Delimiter="/")
        found = [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", [])]
        return [folder.removeprefix(prefix) for folder in found]

    def _pages(self, prefix: str, **options: Any) -> "Iterator[ListObjectsV2OutputTypeDef]":  # noqa: ANN401 - boto3's
        with errors_as_sentences("list", self.uri(shown_key(prefix))):
            yield from self._list.paginate(Bucket=self.name, Prefix=prefix, **options)

    def lines(self, key: str) -> Iterator[bytes]:
        """Yield the lines of an object, without the line ends (LF or CR LF)."""
        with errors_as_sentences("read", self.uri(shown_key(key))):
            body = self._client.get_object(Bucket=self.name, Key=key)["Body"]
            # not iter_lines() of the SDK: it copies a long line once more for each chunk
            with BufferedReader(cast(RawIOBase, body), _CHUNK) as lines:
                for line in lines:
                    yield line.rstrip(b"\r\n")

    def content(self, key: str) -> bytes:
        """Return a small object as it is, byte by byte."""
        with errors_as_sentences("read", self.uri(shown_key(key))):
            return self._client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def unpacked_lines(self, key: str) -> Iterator[bytes]:
        """Yield the lines of an object that SecOps unpacks if its name says so (``.gz``).

        Raises:
            PackedError: It cannot be unpacked to its end.
        """
        if not is_packed(key):
            yield from self.lines(key)
            return
        with errors_as_sentences("read", self.uri(shown_key(key))):
            body = cast("IO[bytes]", self._client.get_object(Bucket=self.name, Key=key)["Body"])
            yield from unpacked_lines(body)

    def put_new(self, key: str, body: Body) -> bool:
        """Write an object unless its key exists.

        Returns:
            Whether it was written. An existing object is never written again, because SecOps would ingest
            all of an updated object a second time.
        """
        with errors_as_sentences("write", self.uri(shown_key(key)), conditional=True):
            for tries_left in reversed(range(_PUT_TRIES)):
                try:
                    self._client.put_object(
                        Bucket=self.name,
                        Key=key,
                        Body=body.rewound(),
                        IfNoneMatch="*",
                        **self._written_with,
                    )
                    return True
                except aws.ClientError as error:
                    code = error.response.get("Error", {}).get("Code")
                    if code in ("PreconditionFailed", "412"):
                        return False
                    if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") not in (304, 409):
                        raise
                    # Another write of the same key is in progress, and S3 asks to try again. Stores that are
                    # not Amazon's may answer the same if the key exists.
                    if key in self.keys(key):
                        return False
                    if not tries_left:
                        raise
        raise AssertionError("unreachable")

    def put(self, key: str, body: Body) -> None:
        """Write an object, and replace an existing one."""
        with errors_as_sentences("write", self.uri(shown_key(key))):
            self._client.put_object(Bucket=self.name, Key=key, Body=body.rewound(), **self._written_with)
