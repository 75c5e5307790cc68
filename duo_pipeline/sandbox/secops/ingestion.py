"""What the emulated SecOps takes from a bucket: transfers, parsing, and the rows that queries count."""

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from duo_pipeline.sandbox.secops import parser
from duo_pipeline.sandbox.secops.knobs import Knobs
from duo_pipeline.sandbox.secops.store import Store


@dataclass
class FeedTransfers:
    """What one feed has transferred.

    Args:
        uri: The prefix that it reads.
        log_type: The id of the log type that its logs get.
        since: When it was created; it transfers nothing before.
    """

    uri: str
    log_type: str
    since: datetime
    last_success: datetime | None = None
    seen: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class IngestedRow:
    """A row for queries: an event or a metric.

    Attributes:
        at: The time by which a query's window chooses it.
        ingested: When it was ingested.
        fields: Its fields, by their names in YARA-L.
    """

    at: datetime
    ingested: datetime
    fields: Mapping[str, Any]


class Ingestion:
    """Transfers objects as the Storage Transfer Service does: each once, an updated one whole again.

    Each line of each object is a log, whatever the object is. Nothing runs in the background: what is due is
    transferred when somebody looks.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.events: list[IngestedRow] = []
        self.metrics: list[IngestedRow] = []

    def transfer(self, feed: FeedTransfers, knobs: Knobs, now: datetime) -> None:
        """Transfer everything that the feed's schedule has reached, unless it is off."""
        if knobs.feed != "active":
            return
        bucket, _, prefix = feed.uri.removeprefix("s3://").partition("/")
        period = timedelta(minutes=knobs.transfer_minutes)
        for found in sorted(self._store.objects(bucket, prefix), key=lambda one: one.modified):
            if feed.seen.get(found.key) == found.etag or any(text in found.key for text in knobs.skipped):
                continue
            ready = max(found.modified + timedelta(minutes=knobs.transfer_delay_minutes), feed.since)
            at = _next(ready, period)
            if at > now:
                continue
            feed.seen[found.key] = found.etag
            times = 2 if any(text in found.key for text in knobs.doubled) else 1
            for _ in range(times):
                self._ingest(self._store.read(bucket, found.key), feed.log_type, knobs, at)
        last = now - (now - _midnight(now)) % period
        if last >= feed.since:
            feed.last_success = last

    def _ingest(self, content: bytes, log_type: str, knobs: Knobs, at: datetime) -> None:
        lines = [line for line in content.replace(b"\r\n", b"\n").split(b"\n") if line.strip()]
        refused = 0
        for line in lines:
            event = parser.run(line, knobs.parser) if log_type == parser.LOG_TYPE else None
            if event is None:
                refused += 1
                continue
            event = parser.with_platform_fields(event)
            metadata = event["metadata"]
            metadata.setdefault("eventTimestamp", _iso(at))
            metadata["ingestedTimestamp"] = _iso(at)
            metadata["id"] = base64.b64encode(f"event {len(self.events):09}".encode()).decode()
            row = dict(_flat(event))
            self.events.append(IngestedRow(_moment(metadata["eventTimestamp"]), at, row))
        taken = {"component": "Ingestion API", "state": "", "log_count": len(lines)}
        normalized = [
            ("validated", "event_count", len(lines) - refused),
            ("failed_parsing", "log_count", refused),
        ]
        self._measure(log_type, at, taken)
        for state, unit, count in normalized:
            self._measure(log_type, at, {"component": "Normalizer", "state": state, unit: count})

    def _measure(self, log_type: str, at: datetime, fields: Mapping[str, Any]) -> None:
        named = {f"ingestion.{name}": value for name, value in {"log_type": log_type, **fields}.items()}
        self.metrics.append(IngestedRow(at, at, named))


def _next(moment: datetime, period: timedelta) -> datetime:
    """Return the first moment of the schedule that is not before ``moment``."""
    return _midnight(moment) + math.ceil((moment - _midnight(moment)) / period) * period


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(f"{text[:19]}+00:00")


def _flat(value: Any, name: str = "") -> Any:  # noqa: ANN401 - any JSON
    """Yield the fields of an event with their names in YARA-L; a list is one value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{_snake(key)}" if name else _snake(key))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for inner in value:
            yield from _flat(inner, name)
    elif name.endswith("timestamp"):
        yield f"{name}.seconds", int(_moment(value).timestamp())
    else:
        yield name, value


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
