"""Make the client of a real store behave like other stores, with hooks of the SDK."""

from io import BytesIO
from types import SimpleNamespace
from typing import Any

from botocore.response import StreamingBody

from duo_pipeline.landing.bucket import Bucket


def requests_of(bucket: Bucket, operation: str) -> list[str]:
    """Return a list that collects the key or prefix of each later request."""
    requested: list[str] = []

    def note(params: dict[str, Any], **_: object) -> None:
        requested.append(params.get("Key") or params["Prefix"])

    bucket._client.meta.events.register(f"provide-client-params.s3.{operation}", note)
    return requested


def drops_the_condition(bucket: Bucket) -> None:
    """Drop If-None-Match from each write."""

    def drop(params: dict[str, Any], **_: object) -> None:
        params["headers"].pop("If-None-Match", None)

    bucket._client.meta.events.register("before-call.s3.PutObject", drop)


def answers(bucket: Bucket, code: str, status: int) -> None:
    """Execute each conditional write, but answer it with an error."""

    def note(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        context["conditional"] = "IfNoneMatch" in params

    def answer(http_response: Any, parsed: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        if context["conditional"]:
            http_response.status_code = status
            parsed |= _error(code, status)

    bucket._client.meta.events.register("before-parameter-build.s3.PutObject", note)
    bucket._client.meta.events.register("after-call.s3.PutObject", answer)


def refuses(bucket: Bucket, operation: str, within: str, code: str, status: int = 403) -> None:
    """Let an operation fail for the keys or prefixes that contain the given text."""

    def note(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        context["named"] = f"{params.get('Key')} {params.get('Prefix')}"

    def refuse(context: dict[str, Any], **_: object) -> tuple[SimpleNamespace, dict[str, Any]] | None:
        if within in context["named"]:
            return SimpleNamespace(status_code=status), _error(code, status)
        return None

    bucket._client.meta.events.register(f"before-parameter-build.s3.{operation}", note)
    hooks: Any = bucket._client.meta.events  # the type stubs do not allow a hook that returns an answer
    hooks.register(f"before-call.s3.{operation}", refuse)


def breaks_off(bucket: Bucket, within: str) -> None:
    """Cut off the answer to each read of the keys that contain the given text."""

    def shorten(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        context["broken"] = within in params["Key"]

    def answer(parsed: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        if context["broken"]:
            parsed["Body"] = StreamingBody(BytesIO(b'{"ts":'), 1000)

    bucket._client.meta.events.register("before-parameter-build.s3.GetObject", shorten)
    bucket._client.meta.events.register("after-call.s3.GetObject", answer)


def _error(code: str, status: int) -> dict[str, Any]:
    return {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}
