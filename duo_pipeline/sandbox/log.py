"""The telephony log of the emulated Duo: its paths, its fields, and its records, generated or given."""

import random
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from duo_pipeline.sandbox.knobs import Knobs

PREFIX = "duo-telephony/"
"""Where the pipeline writes it, and the feed of the emulated SecOps reads it."""
LOG_PATH = "/admin/v2/logs/telephony"
CREDITS_USED_PATH = "/admin/v1/info/telephony_credits_used"
SUMMARY_PATH = "/admin/v1/info/summary"
SUMMARY = {
    "admin_count": 3,
    "integration_count": 9,
    "telephony_credits_remaining": 25_000,
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


def credits_used(items: Iterable[Placed], mintime: int, maxtime: int) -> dict[str, int]:
    """Return the response with the credits of the items, all of which are between two Unix times."""
    used = sum(placed.item.get("credits", 0) for placed in items if isinstance(placed.item, dict))
    return {"mintime": mintime, "maxtime": maxtime, "telephony_credits_used": used}


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


# Busy from 7 to 18 UTC with a dip at noon. The numbers are weights; MEAN_WEIGHT is their mean over a week.
DAY = (2, 1, 1, 1, 1, 2, 4, 8, 11, 12, 11, 10, 8, 10, 11, 10, 9, 7, 5, 4, 3, 3, 2, 2)
WEEKEND = 0.25
MEAN_WEIGHT = sum(DAY) * (5 + 2 * WEEKEND) / 7 / 24

# The known contexts, with weights; Duo may add others at any time.
CONTEXTS = {"authentication": 88, "enrollment": 6, "administrator login": 4, "verify": 2}

# Numbers that nobody has: reserved for fiction by NANPA (555-01xx), Ofcom and ACMA.
PHONES = (
    [f"+1{npa}55501{n:02}" for npa in (212, 312, 415, 617, 734) for n in range(100)]
    + [f"+447700900{n:03}" for n in range(0, 1000, 7)]
    + [f"+44207946{n:04}" for n in range(0, 1000, 29)]
    + [f"+61491570{n}" for n in ("006", "156", "157", "158", "159", "110")]
)
# Credits of an attempt, (sms, phone), by the prefix of the country. Duo charges by country; 0 to 5 are known.
CREDITS = {"+1": (1, 2), "+4": (1, 3), "+6": (2, 5)}
SHARE_OF_SMS = 0.6
SHARE_WITHOUT_CHARGE = 0.03


class GeneratedLog:
    """Generates a telephony log from a seed: the same records for the same hours on each machine.

    Args:
        seed: The seed; each seed makes a different log.
        records_per_day: The mean over a week. Nights and weekends are quieter, and the hours vary randomly.
    """

    def __init__(self, seed: str = "duo", records_per_day: float = 1000) -> None:
        self.seed = seed
        self.records_per_day = records_per_day
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
        rng = random.Random(f"{self.seed}/{start.isoformat()}")  # noqa: S311 - it must be the same each time
        weight = DAY[start.hour] * (WEEKEND if start.weekday() >= 5 else 1)
        per_microsecond = self.records_per_day / 24 * weight / MEAN_WEIGHT / HOUR_MICROS
        # Gaps of exponential length make a Poisson process, whose times are already in order.
        begin, placed = micros(start), list[Placed]()
        at = rng.expovariate(per_microsecond)
        while at < HOUR_MICROS:
            placed.append(Placed(begin + int(at), _record(rng, moment(begin + int(at)))))
            at += rng.expovariate(per_microsecond)
        return tuple(placed)


def _record(rng: random.Random, when: datetime) -> Record:
    phone = rng.choice(PHONES)
    sms = rng.random() < SHARE_OF_SMS
    free = rng.random() < SHARE_WITHOUT_CHARGE
    return {
        "context": rng.choices(tuple(CONTEXTS), tuple(CONTEXTS.values()))[0],
        "credits": 0 if free else CREDITS[phone[:2]][0 if sms else 1],
        "phone": phone,
        "telephony_id": _uuid(rng),
        "ts": when.isoformat(timespec="microseconds"),
        "txid": _uuid(rng),
        "type": "sms" if sms else "phone",
    }


def _uuid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))
