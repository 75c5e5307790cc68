"""The telephony log of the emulated Duo: its paths, its fields, and its records, generated or given."""

import random
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from duo_pipeline.sandbox.attacks import calls_of
from duo_pipeline.sandbox.knobs import Attack, Knobs
from duo_pipeline.sandbox.traffic import Call, Traffic

PREFIX = "duo-telephony/"
"""Where the pipeline writes it, and the feed of the emulated SecOps reads it."""
LOG_PATH = "/admin/v2/logs/telephony"
SUMMARY_PATH = "/admin/v1/info/summary"
CREDITS_REMAINING = "telephony_credits_remaining"
"""The field of the summary that a knob sets."""
SUMMARY = {
    "admin_count": 3,
    "integration_count": 9,
    "user_count": 800,
}

Record = dict[str, Any]

HOUR_MICROS = 3_600_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Placed(NamedTuple):
    """An item of the log and its time, in microseconds since 1970 UTC."""

    micros: int
    item: Any

    @property
    def millis(self) -> int:
        """Return the Unix milliseconds, rounded down as in Duo's cursor."""
        return self.micros // 1000

    @property
    def id(self) -> str:
        """Return the second half of Duo's cursor; empty for an item without an id."""
        return str(self.item.get("telephony_id", "")) if isinstance(self.item, dict) else ""

    @property
    def cursor(self) -> tuple[int, str]:
        """Return the two parts of Duo's next_offset if this was the last item sent."""
        return self.millis, self.id

    def written(self, knobs: Knobs) -> Any:  # noqa: ANN401 - a FixedLog may hold anything
        """Return the item as Duo writes it with these knobs; an item that is not a record stays as it is."""
        plain = (knobs.ts_zone, knobs.ts_fraction, knobs.txid) == ("offset", "always", "uuid")
        if plain or not isinstance(self.item, dict):
            return self.item
        written = dict(self.item)
        ts = written.get("ts")
        if isinstance(ts, str):
            ts = ts.replace("+00:00", "Z") if knobs.ts_zone == "Z" else ts
            written["ts"] = ts.replace(".000000", "") if knobs.ts_fraction == "when_needed" else ts
        if knobs.txid != "uuid":
            written["txid"] = "" if knobs.txid == "empty" else None
        return written


class Log(Protocol):
    """The source of the emulator's records."""

    def placed(self, start: datetime) -> Sequence[Placed]:
        """Return all items of the UTC hour that begins at `start`, in time order; the same for each call."""


def micros(when: datetime) -> int:
    """Return the exact microseconds since 1970 UTC."""
    return (when - EPOCH) // timedelta(microseconds=1)


def moment(at: int) -> datetime:
    """Return the time in UTC for microseconds since 1970 UTC."""
    return EPOCH + timedelta(microseconds=at)


def between(log: Log, start: datetime, end: datetime) -> Iterator[Placed]:
    """Yield the items of [start, end) in time order."""
    first, last = micros(start), micros(end)
    for hour in range(first // HOUR_MICROS * HOUR_MICROS, last, HOUR_MICROS):
        yield from (placed for placed in log.placed(moment(hour)) if first <= placed.micros < last)


class FixedLog:
    """A log of given records, each sent unchanged.

    An item without a readable `ts` gets the time of the item before it, so that a test can make Duo send
    items that cannot land.
    """

    def __init__(self, records: Iterable[Any]) -> None:
        at: int | None = None
        hours: dict[int, list[Placed]] = defaultdict(list)
        for item in records:
            try:
                at = micros(datetime.fromisoformat(item["ts"]))
            except (KeyError, TypeError, ValueError):
                if at is None:
                    raise ValueError("The first record of a FixedLog needs a ts with an offset") from None
            hours[at // HOUR_MICROS].append(Placed(at, item))
        for placed in hours.values():
            placed.sort(key=lambda one: (one.micros, one.id))
        self._hours = dict(hours)

    def placed(self, start: datetime) -> Sequence[Placed]:
        """Return all items of the UTC hour that begins at `start`, ordered by (ts, id)."""
        return self._hours.get(micros(start) // HOUR_MICROS, ())


class GeneratedLog:
    """Generates a telephony log from a seed: the same records for the same hours on each machine.

    Args:
        seed: The seed; each seed makes a different log.
        records_per_day: The mean over a week.
    """

    def __init__(self, seed: str = "duo", records_per_day: float = 1000) -> None:
        self.traffic = Traffic(seed, records_per_day)
        # 200 days: more than the 180 days that Duo keeps.
        self._placed = lru_cache(maxsize=200 * 24)(self._make)

    def hour(self, start: datetime) -> list[Record]:
        """Return the records of the UTC hour that begins at `start`, in ts order.

        They have the fields of Duo's v2 items; `ts` is ISO 8601 with microseconds and `+00:00`.
        """
        return [placed.item for placed in self.placed(start)]

    def placed(self, start: datetime) -> Sequence[Placed]:
        """Return all items of the UTC hour that begins at `start`, in ts order."""
        if start.utcoffset() != timedelta(0) or start.minute or start.second or start.microsecond:
            raise ValueError(f"Not the beginning of an hour in UTC: {start.isoformat()}")
        return self._placed(start)

    def _make(self, start: datetime) -> Sequence[Placed]:
        return _placed(start, self.traffic.hour(start), f"{self.traffic.seed}/{start.isoformat()}/ids")


class AttackedLog:
    """A log, and the records of attacks on its account.

    Args:
        log: The log. The people of a `GeneratedLog` are attacked, or else those of the default one.
        attacks: The attacks.
    """

    def __init__(self, log: Log, attacks: Iterable[Attack]) -> None:
        self._log = log
        traffic = log.traffic if isinstance(log, GeneratedLog) else Traffic("duo", 1000)
        hours: dict[int, list[Placed]] = defaultdict(list)
        for number, one in enumerate(attacks):
            calls = calls_of(one.kind, one.strength, traffic, traffic.expected(one.start), one.at)
            for placed in _placed(one.start, calls, f"{traffic.seed}/{number}/{one}"):
                hours[placed.micros // HOUR_MICROS].append(placed)
        self._hours = dict(hours)

    def placed(self, start: datetime) -> Sequence[Placed]:
        """Return all items of the UTC hour that begins at `start`, ordered by (ts, id)."""
        further = self._hours.get(micros(start) // HOUR_MICROS)
        own = self._log.placed(start)
        return sorted([*own, *further], key=lambda one: (one.micros, one.id)) if further else own


def _placed(start: datetime, calls: Iterable[Call], seed: str) -> Sequence[Placed]:
    """Return calls as items of the log; their seconds count from ``start``."""
    rng, begin = random.Random(seed), micros(start)  # noqa: S311 - it must be the same each time
    return tuple(_item(rng, begin + int(call.second * 1_000_000), call) for call in calls)


def _item(rng: random.Random, at: int, call: Call) -> Placed:
    item = {
        "context": call.context,
        "credits": call.credits,
        "phone": call.phone,
        "telephony_id": _uuid(rng),
        "ts": moment(at).isoformat(timespec="microseconds"),
        "txid": _uuid(rng),
        "type": call.type,
    }
    return Placed(at, item)


def _uuid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))
