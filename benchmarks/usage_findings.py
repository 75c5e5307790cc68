"""How well the rules of usage find attacks, in traffic of the sandbox whose attacks are known.

It takes minutes, so `make bench` leaves it out. The parameters are seeds; the thresholds were tuned on the
seed `tune`: `python -m benchmarks.usage_findings table-1 table-2`.
"""

import random
import sys
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table

from duo_pipeline import ndjson
from duo_pipeline.sandbox.attacks import KINDS, STRENGTHS, calls_of
from duo_pipeline.sandbox.knobs import Kind, Strength
from duo_pipeline.sandbox.traffic import Call, Traffic
from duo_pipeline.usage.day import Usage, usage_of
from duo_pipeline.usage.lines import LineReader
from duo_pipeline.usage.profile import Profile

SIZES = (50, 1_000, 20_000)
DAYS = 180
ATTACKS = 20
HISTORY = 30
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
FIRST_ATTACK = 40
DAY, HOUR = timedelta(days=1), timedelta(hours=1)

Timed = tuple[datetime, Call]


class Account:
    """An account of some size, and the profiles of its ordinary days."""

    def __init__(self, seed: str, size: int) -> None:
        self.name = f"{seed}/{size}"
        self.traffic = Traffic(self.name, size)
        self.profiles: list[Profile] = []

    def usage(self, number: int, extra: Sequence[Timed] = ()) -> Usage:
        """Return the usage of a day, with further calls among its own."""
        start = FIRST + DAY * number
        reader, rng = LineReader(), random.Random(f"{self.name}/{number}")
        for hour in (start + HOUR * offset for offset in range(24)):
            own = [(hour + timedelta(seconds=call.second), call) for call in self.traffic.hour(hour)]
            further = [one for one in extra if hour <= one[0] < hour + HOUR]
            reader.add_hour(hour, lines([*own, *further], rng))
        return usage_of(
            start.date(), range(24), reader.read(), self.profiles[max(0, number - HISTORY) : number]
        )

    def attacked(self, kind: Kind, strength: Strength, number: int) -> set[str]:
        """Return the rules that find something on a day with an attack."""
        rng = random.Random(f"{self.name}/{kind}/{strength}/{number}")
        day = rng.randrange(FIRST_ATTACK, DAYS)
        start = FIRST + DAY * day + timedelta(minutes=rng.randrange(20 * 60))
        calls = calls_of(kind, strength, self.traffic, self.traffic.expected(start), str(number))
        placed = [(start + timedelta(seconds=call.second), call) for call in calls]
        return {one.rule for one in self.usage(day, placed).findings}


def lines(calls: Iterable[Timed], rng: random.Random) -> Iterator[bytes]:
    """Yield the calls as lines of a feed, half of them in each format."""
    for at, call in calls:
        record: dict[str, object] = {
            "context": call.context,
            "credits": call.credits,
            "phone": call.phone,
            "telephony_id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
            "ts": at.isoformat(timespec="microseconds"),
            "txid": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
            "type": call.type,
        }
        if rng.random() < 0.5:
            record |= {
                "credits": str(call.credits),
                "host": "api-1.duosecurity.com",
                "eventtype": "telephony",
            }
        yield ndjson.line(record)


def measure(seed: str, size: int, console: Console) -> None:
    """Print the false alarms and the attacks found of one account."""
    account, alarms = Account(seed, size), Counter[str]()
    for number in range(DAYS):
        usage = account.usage(number)
        account.profiles.append(usage.profile)
        alarms.update(one.rule for one in usage.findings)
        for one in usage.findings:
            console.print(f"  false alarm, {usage.day}: {one.sentence}")
    title = (
        f"Seed {seed}, {size:,} records a day: {alarms.total()} false alarms in {DAYS} days,"
        f" {alarms.total() / DAYS * 30:.2f} a month"
    )
    table = Table("attack", *STRENGTHS, title=title)
    for kind in KINDS:
        cells = []
        for strength in STRENGTHS:
            found = [account.attacked(kind, strength, number) for number in range(ATTACKS)]
            by_rule = sum(kind in rules for rules in found)
            other = sum(bool(rules) and kind not in rules for rules in found)
            cells.append(f"{by_rule}/{ATTACKS}" + (f" (+{other} by another rule)" if other else ""))
        table.add_row(kind, *cells)
    console.print(table)


def main(seeds: Sequence[str]) -> None:
    """Print the tables of some seeds."""
    console = Console(highlight=False, width=120)
    for seed in seeds:
        for size in SIZES:
            measure(seed, size, console)


if __name__ == "__main__":
    main(sys.argv[1:] or ["table-1"])
