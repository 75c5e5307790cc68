"""Tests of the bucket, on a real S3 server."""

import hashlib
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from duo_pipeline.landing.body import Body
from duo_pipeline.landing.bucket import Bucket, BucketError
from duo_pipeline.sandbox.s3 import Identity, S3Server
from tests.conftest import NO_RIGHTS, READ_ONLY
from tests.landing import stores


def body_of(*lines: bytes) -> Body:
    body = Body()
    for line in lines:
        body.write(line)
    return body


def test_put_new_writes_an_object_only_once(bucket: Bucket) -> None:
    assert bucket.put_new("a/1.ndjson", body_of(b"first\n")) is True
    assert bucket.put_new("a/1.ndjson", body_of(b"second\n")) is False
    assert list(bucket.lines("a/1.ndjson")) == [b"first"]


def test_put_replaces_an_existing_object(bucket: Bucket) -> None:
    bucket.put("a", body_of(b"first\n"))
    bucket.put("a", body_of(b"second\n", b"third\n"))
    assert list(bucket.lines("a")) == [b"second", b"third"]


def test_objects_have_the_content_type_of_ndjson(bucket: Bucket, s3_server: S3Server) -> None:
    bucket.put_new("a", body_of(b"{}\n"))
    assert (
        s3_server.client().head_object(Bucket=bucket.name, Key="a")["ContentType"] == "application/x-ndjson"
    )


def test_a_body_too_large_for_memory_is_written_completely(bucket: Bucket) -> None:
    body = body_of(*(f"{number:0999}\n".encode() for number in range(3000)))
    bucket.put_new("large", body)
    assert [int(line) for line in bucket.lines("large")] == list(range(3000))


def answered(bucket: Bucket, raw: Callable[[], BytesIO]) -> None:
    """Answer each read with these bytes, instead of the object's own."""

    def answer(parsed: dict[str, Any], **_: object) -> None:
        body = raw()
        parsed["Body"] = StreamingBody(body, len(body.getvalue()))

    bucket._client.meta.events.register("after-call.s3.GetObject", answer)


class TinyChunks(BytesIO):
    """Bytes that come three at a time."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(3, size) if size and size > 0 else 3)

    def readinto(self, buffer: Any) -> int:
        return super().readinto(memoryview(buffer)[:3])


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"\n", [b""]),
        (b"no end", [b"no end"]),
        (b"one\ntwo\n", [b"one", b"two"]),
        (b"one\r\ntwo\r\n\r\nthree", [b"one", b"two", b"", b"three"]),
        (b"{}\n" * 20_000, [b"{}"] * 20_000),
        (b"\n" * 20_000, [b""] * 20_000),
        (b'{"a":\r1}\n\xe2\x80\xa8\x85\x0b\x0c\x1c\n', [b'{"a":\r1}', b"\xe2\x80\xa8\x85\x0b\x0c\x1c"]),
    ],
)
def test_lines_end_where_ndjson_ends_them_however_the_bytes_arrive(
    bucket: Bucket, content: bytes, lines: list[bytes]
) -> None:
    bucket.put("a", body_of(content))
    assert list(bucket.lines("a")) == lines
    answered(bucket, lambda: TinyChunks(content))
    assert list(bucket.lines("a")) == lines


def test_a_line_without_an_end_of_50_mb_is_read_whole(bucket: Bucket) -> None:
    long = b"x" * 50_000_000
    bucket.put("a", body_of(b"first\n", long))
    assert list(bucket.lines("a")) == [b"first", long]


def test_a_long_line_is_read_with_work_in_proportion_to_its_length(bucket: Bucket) -> None:
    long = b"x" * (16 << 20)

    def cpu_seconds(work: Callable[[], object]) -> float:
        took = []
        for _ in range(3):
            began = time.thread_time()
            work()
            took.append(time.thread_time() - began)
        return min(took)

    bucket.put("a", body_of(b"x\n"))
    answered(bucket, lambda: BytesIO(long))
    read = cpu_seconds(lambda: list(bucket.lines("a")))
    assert read < 20 * cpu_seconds(lambda: hashlib.sha256(long).digest()), (
        "copied for each chunk, it is 80 times"
    )


def test_the_connection_is_closed_when_only_the_first_line_is_wanted(bucket: Bucket) -> None:
    raw = BytesIO(b"first\nsecond\n")
    bucket.put("a", body_of(b"x\n"))
    answered(bucket, lambda: raw)
    lines = bucket.lines("a")
    assert next(lines) == b"first"
    assert not raw.closed
    del lines
    assert raw.closed


def test_keys_are_listed_below_a_prefix_in_order(bucket: Bucket) -> None:
    for key in ("b/2", "b/1", "a/1", "bb"):
        bucket.put(key, body_of(b"x\n"))
    assert bucket.keys("b/") == ["b/1", "b/2"]
    assert bucket.uri("b/1") == f"s3://{bucket.name}/b/1"


def test_a_write_that_meets_a_conflict_is_retried(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    client, put, tries = bucket._client, bucket._client.put_object, []

    def conflicted(**request: object) -> object:
        tries.append(request)
        if len(tries) < 3:
            answer: Any = {
                "Error": {"Code": "ConditionalRequestConflict"},
                "ResponseMetadata": {"HTTPStatusCode": 409},
            }
            raise ClientError(answer, "PutObject")
        return put(**request)  # type: ignore[arg-type]

    monkeypatch.setattr(client, "put_object", conflicted)
    assert bucket.put_new("a", body_of(b"x\n")) is True
    assert list(bucket.lines("a")) == [b"x"]


@pytest.mark.parametrize("code", ["304", "409", "FileAlreadyExists", "OperationAborted"])
def test_every_way_in_which_a_store_says_that_a_key_exists_is_understood(bucket: Bucket, code: str) -> None:
    bucket.put("existing", body_of(b"first\n"))
    stores.answers(bucket, code, 304 if code == "304" else 409)
    assert bucket.put_new("existing", body_of(b"second\n")) is False
    assert list(bucket.lines("existing")) == [b"first"]


def test_a_conflict_that_stays_is_an_error_if_the_key_does_not_exist(bucket: Bucket) -> None:
    stores.refuses(bucket, "PutObject", "missing", "OperationAborted", 409)
    with pytest.raises(BucketError, match="OperationAborted"):
        bucket.put_new("missing", body_of(b"x\n"))


def test_a_store_without_if_none_match_gets_an_error_that_says_what_to_do(bucket: Bucket) -> None:
    stores.refuses(bucket, "PutObject", "", "NotImplemented", 501)
    with pytest.raises(BucketError, match=r"does not support If-None-Match.* use Amazon S3"):
        bucket.put_new("a", body_of(b"x\n"))


@pytest.mark.parametrize(
    ("identity", "cure"),
    [
        (NO_RIGHTS, "access is denied: the credentials need s3:ListBucket"),
        (READ_ONLY, "access is denied: the credentials need s3:ListBucket"),
        (Identity("", "NOSUCHKEY00000000000", "x"), "the access key is not known: check AWS_ACCESS_KEY_ID"),
        (Identity("", READ_ONLY.access_key, "x"), "the secret key is wrong: check AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_missing_rights_and_wrong_keys_get_an_error_that_says_what_to_do(
    bucket: Bucket, s3_server: S3Server, identity: Identity, cure: str
) -> None:
    denied = Bucket(s3_server.client(identity), bucket.name)
    with pytest.raises(BucketError, match=cure) as caught:
        denied.put_new("a", body_of(b"x\n"))
    assert identity.secret_key not in str(caught.value)


def test_an_archived_object_gets_an_error_that_says_what_to_do(bucket: Bucket) -> None:
    bucket.put("a", body_of(b"x\n"))
    stores.refuses(bucket, "GetObject", "a", "InvalidObjectState")
    with pytest.raises(BucketError, match="restore it, and exclude S3_PREFIX and S3_WORK_PREFIX"):
        list(bucket.lines("a"))


def test_an_answer_that_is_cut_off_gets_an_error_that_names_the_object(bucket: Bucket) -> None:
    bucket.put("a", body_of(b"x\n"))
    stores.breaks_off(bucket, "a")
    with pytest.raises(BucketError, match=r"did not read s3://.*/a to its end") as caught:
        list(bucket.lines("a"))
    assert caught.value.scope == "unclear"


def test_a_missing_bucket_gets_an_error_that_names_the_setting(s3_server: S3Server) -> None:
    missing = Bucket(s3_server.client(), "no-such-bucket")
    for act in (
        lambda: missing.keys(""),
        lambda: missing.put("a", body_of(b"x\n")),
        lambda: list(missing.lines("a")),
    ):
        with pytest.raises(BucketError, match="no such bucket: check S3_BUCKET"):
            act()


def test_a_server_that_cannot_be_reached_gets_an_error_that_names_the_setting() -> None:
    client = boto3.client(
        "s3",
        endpoint_url="http://127.0.0.1:9",
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(BucketError, match=r"cannot be reached .* AWS_ENDPOINT_URL"):
        Bucket(client, "b").keys("")


def test_missing_credentials_get_an_error_that_says_so(s3_server: S3Server) -> None:
    client = boto3.session.Session().client("s3", endpoint_url=s3_server.url, region_name="us-east-1")
    with pytest.raises(BucketError, match="no AWS credentials"):
        Bucket(client, "b").keys("")
