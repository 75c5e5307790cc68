"""What the Lambda function of Google's guide leaves in a bucket."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from duo_pipeline import instants
from duo_pipeline.landing.bucket import Bucket
from tests.records import Sent

HOST = "api-1.duosecurity.com"


def as_it_came(record: Sent) -> Sent:
    """As the guide's function writes a record."""
    return record


def as_duos_client_gives_it(record: Sent) -> Sent:
    return {**record, "eventtype": "telephony", "host": HOST}


def with_seconds(record: Sent) -> Sent:
    at = instants.parse(record["ts"])
    return {"timestamp": at.ns // instants.NANOSECONDS, **record}


def as_the_parser_wants_it(record: Sent) -> Sent:
    utc = instants.parse(record["ts"]).utc
    amended = {**record, "host": HOST, "eventtype": "telephony", "timestamp": utc}
    return {**amended, "credits": str(record["credits"])}


WAYS: tuple[Callable[[Sent], Sent], ...] = (
    as_it_came,
    as_duos_client_gives_it,
    with_seconds,
    as_the_parser_wants_it,
)


def lines(records: Iterable[Any]) -> bytes:
    """The guide's own form: a record a line, without a line end after the last one."""
    return "\n".join(json.dumps(record) for record in records).encode()


def leave(bucket: Bucket, name: str, body: bytes, prefix: str = "duo-telephony/") -> str:
    """Put an object as the function does, and give its key."""
    key = f"{prefix}{name}"
    bucket._client.put_object(Bucket=bucket.name, Key=key, Body=body, ContentType="application/x-ndjson")
    return key


def leave_hourly(bucket: Bucket, records: Sequence[Sent], first: datetime, hours: int) -> list[str]:
    """Leave an object for each hour's run, some minutes after it, and the checkpoint; give the keys."""
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
    """Give what shows that objects are the same as before."""
    heads = [bucket._client.head_object(Bucket=bucket.name, Key=key) for key in keys]
    return [(head["ETag"], head["LastModified"]) for head in heads]
