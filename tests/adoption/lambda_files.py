"""Write the objects that the Lambda function of Google's guide leaves in a bucket."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from duo_pipeline import instants
from duo_pipeline.landing.bucket import Bucket
from tests.records import Sent

HOST = "api-1.duosecurity.com"


def as_the_guide_writes_it(record: Sent) -> Sent:
    """Return a record as the guide's function writes it."""
    return record


def as_duos_client_returns_it(record: Sent) -> Sent:
    return {**record, "eventtype": "telephony", "host": HOST}


def with_unix_seconds(record: Sent) -> Sent:
    at = instants.parse(record["ts"])
    return {"timestamp": at.ns // instants.NANOSECONDS, **record}


def as_the_parser_needs_it(record: Sent) -> Sent:
    utc = instants.parse(record["ts"]).utc
    amended = {**record, "host": HOST, "eventtype": "telephony", "timestamp": utc}
    return {**amended, "credits": str(record["credits"])}


WAYS: tuple[Callable[[Sent], Sent], ...] = (
    as_the_guide_writes_it,
    as_duos_client_returns_it,
    with_unix_seconds,
    as_the_parser_needs_it,
)


def lines(records: Iterable[Any]) -> bytes:
    """Return records as the guide's function writes them: one per line, without a line end after the last."""
    return "\n".join(json.dumps(record) for record in records).encode()


def leave(bucket: Bucket, name: str, body: bytes, prefix: str = "duo-telephony/") -> str:
    """Write an object as the function does, and return its key."""
    key = f"{prefix}{name}"
    bucket._client.put_object(Bucket=bucket.name, Key=key, Body=body, ContentType="application/x-ndjson")
    return key


def leave_hourly(bucket: Bucket, records: Sequence[Sent], first: datetime, hours: int) -> list[str]:
    """Write the object of each hourly run, and the checkpoint; return the keys."""
    left = []
    for number in range(hours):
        start = first + timedelta(hours=number)
        beginning = f"{start:%Y-%m-%dT%H}:"
        of_hour = [record for record in records if record["ts"].startswith(beginning)]
        name = f"telephony_{start + timedelta(hours=1, minutes=5):%Y%m%d_%H%M%S}.json"
        left.append(leave(bucket, name, lines(of_hour)))
    state = {"last_offset": None, "last_timestamp_ms": instants.unix_ms(first + timedelta(hours=hours))}
    left.append(leave(bucket, "state.json", json.dumps(state).encode()))
    return left


def untouched(bucket: Bucket, keys: Sequence[str]) -> list[tuple[str, datetime]]:
    """Return the ETag and the time of each object, which show whether it has changed."""
    heads = [bucket._client.head_object(Bucket=bucket.name, Key=key) for key in keys]
    return [(head["ETag"], head["LastModified"]) for head in heads]
