"""An emulated SecOps that reads objects in memory, and hours of lines for it."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from duo_pipeline.sandbox.secops.api import INSTANCE, LOCATION, PROJECT, SecOpsApi
from duo_pipeline.sandbox.secops.store import StoredObject
from duo_pipeline.secops.api import SecOps
from duo_pipeline.secops.instance import Instance
from duo_pipeline.secops.receipts import HOUR, FeedLine, HourInFeed, Receipt, receipts

HOST = "api-12345678.duosecurity.com"
NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
URI = "s3://bucket/duo-telephony/"
WAIT = timedelta(hours=3)
SANDBOX = Instance(PROJECT, LOCATION, INSTANCE)


@dataclass
class MemoryStore:
    """Objects in memory, each with its content and the time of its writing."""

    contents: dict[str, tuple[bytes, datetime]] = field(default_factory=dict)

    def objects(self, bucket: str, prefix: str) -> Iterable[StoredObject]:
        for key, (content, modified) in self.contents.items():
            if key.startswith(prefix):
                yield StoredObject(key, hashlib.sha256(content).hexdigest(), modified)

    def read(self, bucket: str, key: str) -> bytes:
        return self.contents[key][0]


def line(at: datetime, record: str, **fields: Any) -> bytes:
    """Return a line of the feed, as the pipeline writes it."""
    whole = {
        "context": "authentication",
        "credits": "1",
        "eventtype": "telephony",
        "host": HOST,
        "phone": "+13125550123",
        "telephony_id": record,
        "timestamp": at.isoformat().replace("+00:00", "Z"),
        "ts": at.isoformat(),
        "type": "sms",
        **fields,
    }
    return json.dumps({name: value for name, value in whole.items() if value is not None}).encode() + b"\n"


@dataclass
class World:
    """A feed whose hours land six minutes after their end, and the emulated SecOps that reads it."""

    store: MemoryStore = field(default_factory=MemoryStore)
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.api = SecOpsApi(self.store, clock=lambda: self.now)
        self.url = ""
        self.hours: list[datetime] = []

    def ask(self) -> SecOps:
        """Return the room's own client, which does not wait."""
        return SecOps(SANDBOX, self.url, sleep=lambda _: None)

    def land(self, hours: int, lines: int = 10, **fields: Any) -> None:
        """Land the last hours that are settled now; an hour has ``lines`` lines in two objects."""
        end = self.now.replace(minute=0, second=0, microsecond=0)
        for hour in (end - HOUR * back for back in range(hours, 0, -1)):
            self.land_hour(hour, lines, **fields)

    def land_hour(self, hour: datetime, lines: int = 10, **fields: Any) -> None:
        """Land an hour."""
        self.hours.append(hour)
        half = (lines + 1) // 2
        for part, numbers in enumerate((range(half), range(half, lines))):
            content = b"".join(
                line(hour + timedelta(seconds=n), f"{hour:%d%H}-{n}", **fields) for n in numbers
            )
            if content:
                self.store.contents[self.key(hour, part)] = content, hour + HOUR + timedelta(minutes=6)

    def key(self, hour: datetime, part: int) -> str:
        """Return the key of one of the hour's two objects."""
        return f"duo-telephony/dt={hour:%Y-%m-%d}/hour={hour:%H}/telephony-{hour:%Y%m%dT%HZ}-{part}.ndjson"

    def lines_of(self, hour: datetime) -> Iterator[FeedLine]:
        for part in (0, 1):
            content = self.store.contents.get(self.key(hour, part), (b"", NOW))[0]
            for number, text in enumerate(content.splitlines(), 1):
                yield FeedLine(json.loads(text).get("telephony_id", ""), self.key(hour, part), number)

    def in_feed(self, hour: datetime) -> HourInFeed:
        texts = [json.loads(one) for part in (0, 1) for one in self._texts(hour, part)]
        countable = sum("timestamp" in one and one.get("host") == HOST for one in texts)
        return HourInFeed(hour, len(texts), countable, hour + HOUR + timedelta(minutes=6) if texts else None)

    def receipts(self, secops: SecOps | None = None, hours: Iterable[datetime] = ()) -> list[Receipt]:
        """Return the receipts of these hours, or of all."""
        wanted = [self.in_feed(hour) for hour in hours or self.hours]
        return receipts(
            secops or self.ask(), wanted, host=HOST, uri=URI, now=self.now, wait=WAIT, lines_of=self.lines_of
        )

    def truth(self, hour: datetime) -> int:
        """Return how many events of an hour the emulator really has, however late it counts them."""
        start, end = hour.timestamp(), (hour + HOUR).timestamp()
        times = (one["metadata.event_timestamp.seconds"] for one in self.api.events())
        return sum(start <= seconds < end for seconds in times)

    def _texts(self, hour: datetime, part: int) -> list[bytes]:
        return self.store.contents.get(self.key(hour, part), (b"", NOW))[0].splitlines()
