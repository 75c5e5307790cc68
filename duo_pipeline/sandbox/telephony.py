"""What the emulated Duo has in its telephony log: records made from a seed, or records given."""

import random
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

Record = dict[str, Any]

HOUR_MICROS = 3_600_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Placed(NamedTuple):
    """An item of the log and its place in time, in microseconds since 1970 UTC."""

    micros: int
    item: Any

    @property
    def millis(self) -> int:
        """The floored Unix milliseconds, as in Duo's cursor."""
        return self.micros // 1000

    @property
    def telephony_id(self) -> str:
        """The second half of Duo's cursor; empty for an item that names none."""
        return str(self.item.get("telephony_id", "")) if isinstance(self.item, dict) else ""

    @property
    def cursor(self) -> tuple[int, str]:
        """What Duo's next_offset tells of the item that was sent last."""
        return self.millis, self.telephony_id


class Log(Protocol):
    """Where the emulator gets its records from."""

    def placed(self, start: datetime) -> Sequence[Placed]:
        """All items of the UTC hour that begins at `start`, in time order; the same each time it is asked."""


def micros(when: datetime) -> int:
    """Give the microseconds since 1970 UTC, exactly."""
    return (when - EPOCH) // timedelta(microseconds=1)


def moment(at: int) -> datetime:
    """Give the time in UTC of so many microseconds since 1970 UTC."""
    return EPOCH + timedelta(microseconds=at)


def between(log: Log, start: datetime, end: datetime) -> Iterator[Placed]:
    """Give the items of [start, end) in time order."""
    first, last = micros(start), micros(end)
    for hour in range(first // HOUR_MICROS * HOUR_MICROS, last, HOUR_MICROS):
        yield from (placed for placed in log.placed(moment(hour)) if first <= placed.micros < last)


class FixedLog:
    """A log of the records given, each sent as it stands.

    An item whose `ts` cannot be read stands where the item before it stands, so that a test can have Duo send
    what no hour can take.
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
            placed.sort(key=lambda one: (one.micros, one.telephony_id))
        self._hours = dict(hours)

    def placed(self, start: datetime) -> Sequence[Placed]:
        """All items of the UTC hour that begins at `start`, in the order of (ts, telephony_id)."""
        return self._hours.get(micros(start) // HOUR_MICROS, ())


# Busy from 7 to 18 UTC with a dip at noon; the figures are weights, brought to the mean of a week below.
DAY = (2, 1, 1, 1, 1, 2, 4, 8, 11, 12, 11, 10, 8, 10, 11, 10, 9, 7, 5, 4, 3, 3, 2, 2)
WEEKEND = 0.25
MEAN_WEIGHT = sum(DAY) * (5 + 2 * WEEKEND) / 7 / 24

# The contexts that have been seen, as weights; Duo adds others at any time.
CONTEXTS = {"authentication": 88, "enrollment": 6, "administrator login": 4, "verify": 2}

# Numbers that no one has: reserved for fiction by NANPA (555-01xx), Ofcom and ACMA.
PHONES = (
    [f"+1{npa}55501{n:02}" for npa in (212, 312, 415, 617, 734) for n in range(100)]
    + [f"+447700900{n:03}" for n in range(0, 1000, 7)]
    + [f"+44207946{n:04}" for n in range(0, 1000, 29)]
    + [f"+61491570{n}" for n in ("006", "156", "157", "158", "159", "110")]
)
# Credits of an attempt, (sms, phone), by the country's prefix; Duo charges by country, and 0 to 5 are seen.
CREDITS = {"+1": (1, 2), "+4": (1, 3), "+6": (2, 5)}
SHARE_OF_SMS = 0.6
SHARE_WITHOUT_CHARGE = 0.03


class TelephonyGenerator:
    """Duo's telephony log made from a seed: the same records for the same hours on each machine.

    Args:
        seed: Another seed, another log.
        records_per_day: The mean of a week; nights and weekends are quieter, the hours vary as chance does.
    """

    def __init__(self, seed: str = "duo", records_per_day: float = 1000) -> None:
        self.seed = seed
        self.records_per_day = records_per_day
        # 200 days: more than the 180 that Duo looks back.
        self._placed = lru_cache(maxsize=200 * 24)(self._make)

    def hour(self, start: datetime) -> list[Record]:
        """Give the records of the UTC hour that begins at `start`, in ts order.

        They have the fields of Duo's v2 items; `ts` is ISO 8601 with microseconds and `+00:00`.
        """
        return [placed.item for placed in self.placed(start)]

    def placed(self, start: datetime) -> Sequence[Placed]:
        """All items of the UTC hour that begins at `start`, in ts order."""
        if start.utcoffset() != timedelta(0) or start.minute or start.second or start.microsecond:
            raise ValueError(f"Not the beginning of an hour in UTC: {start.isoformat()}")
        return self._placed(start)

    def _make(self, start: datetime) -> Sequence[Placed]:
        rng = random.Random(f"{self.seed}/{start.isoformat()}")  # noqa: S311 - it must be the same each time
        weight = DAY[start.hour] * (WEEKEND if start.weekday() >= 5 else 1)
        per_microsecond = self.records_per_day / 24 * weight / MEAN_WEIGHT / HOUR_MICROS
        # Gaps of exponential length make a Poisson process, and its moments come in order.
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
