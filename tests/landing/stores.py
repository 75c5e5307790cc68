"""Ways in which a store differs from Amazon's S3: the client of a real one is bent by hooks of the SDK."""

from types import SimpleNamespace
from typing import Any

from duo_pipeline.landing.bucket import Bucket


def drops_the_condition(bucket: Bucket) -> None:
    """Let If-None-Match get lost on the way."""

    def drop(params: dict[str, Any], **_: object) -> None:
        params["headers"].pop("If-None-Match", None)

    bucket._client.meta.events.register("before-call.s3.PutObject", drop)


def answers(bucket: Bucket, code: str, status: int) -> None:
    """Let each write be done, where its condition allows it, and then be answered by an error."""

    def answer(http_response: Any, parsed: dict[str, Any], **_: object) -> None:
        http_response.status_code = status
        parsed |= _error(code, status)

    bucket._client.meta.events.register("after-call.s3.PutObject", answer)


def refuses(bucket: Bucket, operation: str, within: str, code: str, status: int = 403) -> None:
    """Let an operation fail for the keys or prefixes that contain some text."""

    def note(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        context["named"] = f"{params.get('Key')} {params.get('Prefix')}"

    def refuse(context: dict[str, Any], **_: object) -> tuple[SimpleNamespace, dict[str, Any]] | None:
        if within in context["named"]:
            return SimpleNamespace(status_code=status), _error(code, status)
        return None

    bucket._client.meta.events.register(f"before-parameter-build.s3.{operation}", note)
    bucket._client.meta.events.register(f"before-call.s3.{operation}", refuse)


def _error(code: str, status: int) -> dict[str, Any]:
    return {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}
