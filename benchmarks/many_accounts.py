"""What many accounts cost on one machine; needs PostgreSQL, and takes half an hour."""

import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks.hourly_tick import Accounting, tick
from benchmarks.rows import WIDTH, Row, at_most, compared, table, verdict

ACCOUNTS, HOURS = 50, 48
MORE_ACCOUNTS = 100
BAD, LIMITED = "account_1", "account_2"


def main() -> None:
    console = Console(highlight=False, width=max(WIDTH, Console().width))

    def measure(
        what: str, count: int, hours: int, *, troubled: bool = False, hour_by_hour: bool = False
    ) -> Accounting:
        with tempfile.TemporaryDirectory(prefix="accounts-") as folder:
            cost = tick(
                Path(folder),
                count,
                hours,
                bad=[BAD] * troubled,
                limited=[LIMITED] * troubled,
                hour_by_hour=hour_by_hour,
            )
        console.print(
            f"  {what}: {max(cost.landed.values()):.0f} s, the runs requested in {cost.asked_for:.0f} s,"
            f" {cost.peak_mib:.0f} MiB, {cost.database_kib:.0f} KiB of database a run",
            soft_wrap=True,
        )
        return cost

    one = measure("one account, 48 hours", 1, HOURS)
    all_sound = measure("50 accounts, 48 hours", ACCOUNTS, HOURS)
    troubled = measure("the same, one with a bad key and one refused", ACCOUNTS, HOURS, troubled=True)
    rows = _rows(one, all_sound, troubled)
    console.print(table("make bench-accounts", rows))
    console.print(verdict(rows))
    measure("one account, one hour", 1, 1)
    measure("100 accounts, one hour", MORE_ACCOUNTS, 1)
    measure("5 accounts, a day, hour by hour", 5, 24, hour_by_hour=True)


def _rows(one: Accounting, all_sound: Accounting, troubled: Accounting) -> list[Row]:
    the_48 = [all_sound.landed[name] for name in troubled.landed]
    return [
        compared(
            "50 accounts of 48 hours, by one",
            [(max(all_sound.landed.values()), max(one.landed.values()))],
            at_most(ACCOUNTS),
        ),
        compared("their memory, by one account's", [(all_sound.peak_mib, one.peak_mib)], None, "MiB"),
        compared(
            "48 accounts beside a bad key and a refused one, by beside sound ones",
            [(max(troubled.landed.values()), max(the_48))],
            at_most(1.1),
        ),
    ]


if __name__ == "__main__":
    main()
