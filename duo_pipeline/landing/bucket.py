"""Read and write the S3 bucket, and turn its errors into sentences."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING, Literal, cast

from botocore import exceptions as aws

from duo_pipeline.landing.body import Body

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONTENT_TYPE = "application/x-ndjson"
_CHUNK = 1 << 16
_PUT_TRIES = 5

_CURES = {
    "NoSuchBucket": "there is no such bucket: check S3_BUCKET, or create it",
    "AccessDenied": "access is denied: the credentials need s3:ListBucket on the bucket, and s3:GetObject and"
    " s3:PutObject below S3_PREFIX and S3_WORK_PREFIX",
    "InvalidAccessKeyId": "the access key is not known: check AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "the secret key is wrong: check AWS_SECRET_ACCESS_KEY",
    "ExpiredToken": "the credentials have expired: renew them",
    "PermanentRedirect": "the bucket is in another region: check AWS_DEFAULT_REGION",
    "InvalidObjectState": "the object is in an archive (Glacier): restore it, and exclude S3_PREFIX and"
    " S3_WORK_PREFIX from the transitions of the bucket's lifecycle",
    "NotImplemented": "the store does not support If-None-Match, so log objects could be rewritten and"
    " ingested again: use Amazon S3 or a store that honours If-None-Match",
}
_SAME_AS = {
    "403": "AccessDenied",
    "Forbidden": "AccessDenied",
    "404": "NoSuchBucket",
    "301": "PermanentRedirect",
}

_OF_EACH_KEY = {
    *("NoSuchBucket", "InvalidBucketName", "AllAccessDisabled", "AccountProblem", "NotImplemented"),
    *("PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed"),
    *("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "RequestTimeTooSkewed"),
    *("SlowDown", "ServiceUnavailable", "503"),
}
_OF_ONE_KEY = {"InvalidObjectState", "NoSuchKey"}
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


def cannot_connect(error: Exception) -> BucketError:
    """Return the error for an S3 client that could not be created."""
    return BucketError(
        f"The S3 client cannot be created ({type(error).__name__}): check AWS_DEFAULT_REGION,"
        " AWS_ENDPOINT_URL, AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
    )


class Bucket:
    """Uses one bucket through a boto3 client.

    Raises:
        BucketError: From each method, if S3 refuses the request or cannot be reached.
    """

    def __init__(self, client: "S3Client", name: str) -> None:
        self.name = name
        self._client = client
        self._list = client.get_paginator("list_objects_v2")

    def uri(self, key: str) -> str:
        """Return the ``s3://`` URI of an object."""
        return f"s3://{self.name}/{key}"

    def keys(self, prefix: str) -> list[str]:
        """Return the keys below a prefix, in order."""
        with self._sentences("list", prefix):
            pages = self._list.paginate(Bucket=self.name, Prefix=prefix)
            return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def folders(self, prefix: str) -> list[str]:
        """Return the names of the folders directly below a prefix, in order; each ends in a slash."""
        with self._sentences("list", prefix):
            pages = self._list.paginate(Bucket=self.name, Prefix=prefix, Delimiter="/")
            found = [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", [])]
            return [folder.removeprefix(prefix) for folder in found]

    def lines(self, key: str) -> Iterator[bytes]:
        """Yield the lines of an object, without the line ends (LF or CR LF)."""
        with self._sentences("read", key):
            body = self._client.get_object(Bucket=self.name, Key=key)["Body"]
            # not iter_lines() of the SDK: it copies a long line once more for each chunk
            with BufferedReader(cast(RawIOBase, body), _CHUNK) as lines:
                for line in lines:
                    yield line.rstrip(b"\r\n")

    def put_new(self, key: str, body: Body) -> bool:
        """Write an object unless its key exists.

        Returns:
            Whether it was written. An existing object is never written again, because SecOps would ingest
            all of an updated object a second time.
        """
        with self._sentences("write", key):
            for tries_left in reversed(range(_PUT_TRIES)):
                try:
                    self._client.put_object(
                        Bucket=self.name,
                        Key=key,
                        Body=body.rewound(),
                        ContentType=CONTENT_TYPE,
                        IfNoneMatch="*",
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
        with self._sentences("write", key):
            self._client.put_object(Bucket=self.name, Key=key, Body=body.rewound(), ContentType=CONTENT_TYPE)

    @contextmanager
    def _sentences(self, verb: str, key: str) -> Iterator[None]:
        try:
            yield
        except aws.ClientError as error:
            code = str(error.response.get("Error", {}).get("Code"))
            known = _SAME_AS.get(code, code)
            cure = _CURES.get(known, "look up this code in the documentation of S3")
            raise BucketError(f"S3 did not {verb} {self.uri(key)} ({code}): {cure}.", known, verb) from None
        except (aws.NoCredentialsError, aws.PartialCredentialsError):
            raise BucketError(
                f"There are no AWS credentials for the bucket {self.name}: set AWS_ACCESS_KEY_ID and"
                " AWS_SECRET_ACCESS_KEY, a profile, or a role."
            ) from None
        except aws.ParamValidationError:
            raise BucketError(f"{self.name} is not a valid bucket name: check S3_BUCKET.") from None
        except (aws.EndpointConnectionError, aws.ConnectTimeoutError):
            raise BucketError(
                f"S3 cannot be reached to {verb} {self.uri(key)}: check the network, AWS_DEFAULT_REGION and"
                " AWS_ENDPOINT_URL."
            ) from None
        except (aws.IncompleteReadError, aws.ResponseStreamingError):
            raise BucketError(
                f"S3 did not {verb} {self.uri(key)} to its end: try again, and if that does not help, check"
                " whether the object is damaged.",
                "IncompleteRead",
                verb,
            ) from None
        except aws.BotoCoreError as error:
            raise BucketError(f"S3 did not {verb} {self.uri(key)} ({type(error).__name__}).") from None
