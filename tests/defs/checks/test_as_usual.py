from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from duo_pipeline.defs.checks.as_usual import hours_needed, unusual
from duo_pipeline.defs.partitions import HOUR, hours_between

DAY = timedelta(days=1)
WARM_UP, MEASURED = 35, 60
ZONES = ["Europe/Berlin", "America/Los_Angeles", "Australia/Sydney"]
NIGHT = 0.002
DAYTIME = [0.02, 0.05, 0.11, 0.12, 0.11, 0.1, 0.06, 0.09, 0.1, 0.09, 0.08, 0.03, 0.015, 0.012, 0.012, 0.01]
SHARE_OF_DAY = [NIGHT] * 6 + DAYTIME + [NIGHT] * 2
RECORDS_PER_LOGIN = 1.8
SEEDS = range(3)
HOUR_AT_WORK = datetime(2026, 11, 23, 9, tzinfo=UTC)


@dataclass
class Account:
    records: dict[datetime, int]
    zone: ZoneInfo
    measured: list[datetime]
    holiday: date

    def workdays(self) -> list[date]:
        days = sorted({hour.astimezone(self.zone).date() for hour in self.measured})[3:-2]
        return [day for day in days if day.weekday() < 5 and day != self.holiday]

    def hours(self, day: date, first: int, count: int) -> list[datetime]:
        start = datetime(day.year, day.month, day.day, first, tzinfo=self.zone).astimezone(UTC)
        return hours_between(start, start + HOUR * (count - 1))


def traffic(size: int, seed: int, quiet_day: float | None = None) -> Account:
    """Make 95 days: bursts, weekends, a holiday, clocks that change, growth, 30 % of the users come or go."""
    rng = np.random.default_rng(seed)
    zone = ZoneInfo(ZONES[seed % 3])
    start = datetime(2026, [9, 2][seed % 2], 1, 7, tzinfo=UTC)
    weekend, step = rng.uniform(0.1, 0.2), rng.choice([0.7, 1.3])
    step_at = start + DAY * int(rng.integers(WARM_UP, WARM_UP + MEASURED))
    monday = (start + DAY * (WARM_UP + 7 * int(rng.integers(1, 7)))).astimezone(zone).date()
    holiday = monday + DAY * int((rng.integers(0, 5) - monday.weekday()) % 7)
    on_holiday = quiet_day or rng.choice([0.05, 0.1, 0.2])
    busy = rng.gamma(100, 1 / 100, WARM_UP + MEASURED + 1)
    records = {}
    for hour in hours_between(start, start + DAY * (WARM_UP + MEASURED) - HOUR):
        local = hour.astimezone(zone)
        usual = size * SHARE_OF_DAY[local.hour] / sum(SHARE_OF_DAY) * busy[(hour - start).days]
        usual *= 1.005 ** ((hour - start) / timedelta(weeks=1)) * (step if hour >= step_at else 1)
        usual *= weekend if local.weekday() >= 5 else on_holiday if local.date() == holiday else 1
        logins = rng.poisson(usual / RECORDS_PER_LOGIN * rng.gamma(16, 1 / 16))
        again = rng.negative_binomial(logins, 1 / RECORDS_PER_LOGIN) if logins else 0
        records[hour] = int(logins + again)
    measured = [hour for hour in records if hour >= start + DAY * WARM_UP]
    return Account(records, zone, measured, holiday)


def warned(records: Mapping[datetime, int], hours: list[datetime]) -> list[datetime]:
    return [hour for hour in hours if unusual(hour, records)]


def incident(records: Mapping[datetime, int], hours: list[datetime], shown: float = 0) -> dict[datetime, int]:
    return {**records, **{hour: int(records[hour] * shown) for hour in hours}}


def steady(per_hour: int = 60) -> dict[datetime, int]:
    return dict.fromkeys(hours_between(HOUR_AT_WORK - DAY * 35, HOUR_AT_WORK), per_hour)


@pytest.mark.parametrize("size", [5, 50, 1_000, 20_000])
def test_ordinary_traffic_is_warned_of_at_most_once_a_month(size: int) -> None:
    for seed in SEEDS:
        account = traffic(size, seed)
        hours = warned(account.records, account.measured)
        spells = [hour for hour in hours if hour - HOUR not in hours]
        assert len(spells) <= MEASURED / 30, (seed, spells)


def test_a_small_account_whose_hours_are_usually_empty_is_never_warned_of() -> None:
    account = traffic(5, 1)
    week = account.measured[: 7 * 24]
    assert not warned(incident(account.records, week), week)


@pytest.mark.parametrize("size", [5_000, 20_000])
def test_a_holiday_on_which_a_twentieth_comes_is_no_incident(size: int) -> None:
    for seed in SEEDS:
        account = traffic(size, seed, quiet_day=0.05)
        assert not warned(account.records, account.hours(account.holiday, 0, 24)), seed


@pytest.mark.parametrize(("size", "found"), [(50, 0.9), (100, 1.0), (1_000, 1.0), (20_000, 1.0)])
def test_an_account_that_is_silent_for_a_working_day_is_found(size: int, found: float) -> None:
    account = traffic(size, 2)
    days = [account.hours(day, 8, 10) for day in account.workdays()]
    warnings = [warned(incident(account.records, hours), hours) for hours in days]
    assert sum(map(bool, warnings)) >= found * len(days)


@pytest.mark.parametrize("size", [1_000, 20_000])
def test_two_silent_working_hours_are_found(size: int) -> None:
    account = traffic(size, 2)
    for day in account.workdays()[::3]:
        for first in range(8, 15):
            hours = account.hours(day, first, 2)
            assert warned(incident(account.records, hours), hours), hours


@pytest.mark.parametrize("size", [1_000, 20_000])
def test_a_working_hour_with_a_twentieth_of_its_records_is_found(size: int) -> None:
    account = traffic(size, 2)
    hours = [hour for day in account.workdays()[::3] for hour in account.hours(day, 9, 7)]
    found = [hour for hour in hours if unusual(hour, incident(account.records, [hour], shown=0.05))]
    assert len(found) >= 0.9 * len(hours)


def test_the_sentence_names_the_silence_the_numbers_and_what_to_do() -> None:
    records = incident(steady(), [HOUR_AT_WORK - HOUR, HOUR_AT_WORK])
    records[HOUR_AT_WORK - DAY * 14] = 72
    assert unusual(HOUR_AT_WORK, records) == (
        "2026-11-23-08:00...2026-11-23-09:00: 0 records came, 120 are usual (the same hours from"
        " 2026-11-16: 120, 2026-11-09: 132, 2026-11-02: 120, 2026-10-26: 120). Unless you know why, check"
        " status.duo.com: Duo's log may be late. The reconciliation reads these hours again"
        " (DUO_RECONCILE_HOURS, DUO_RECONCILE_WEEKLY_HOURS). If you cannot wait, materialize them again in"
        " the UI."
    )


def test_an_hour_is_unusual_when_under_a_fifth_of_its_records_come() -> None:
    assert unusual(HOUR_AT_WORK, {**steady(), HOUR_AT_WORK: 11})
    assert unusual(HOUR_AT_WORK, {**steady(), HOUR_AT_WORK: 12}) is None


def test_few_hours_of_few_records_are_no_silence_yet() -> None:
    for silent, expected in [(4, False), (5, True)]:
        hours = hours_between(HOUR_AT_WORK - HOUR * (silent - 1), HOUR_AT_WORK)
        assert bool(unusual(HOUR_AT_WORK, incident(steady(3), hours))) is expected


def test_a_quiet_hour_after_quiet_hours_is_a_quiet_day() -> None:
    quiet = hours_between(HOUR_AT_WORK - HOUR * 8, HOUR_AT_WORK)
    assert unusual(HOUR_AT_WORK, incident(steady(), quiet, shown=0.05)) is None
    assert unusual(HOUR_AT_WORK, incident(steady(), quiet[-2:], shown=0.05))


def test_a_silence_on_a_quiet_day_is_still_found_where_many_records_are_usual() -> None:
    quiet = hours_between(HOUR_AT_WORK - HOUR * 8, HOUR_AT_WORK)
    on_a_holiday = incident(steady(1_000), quiet, shown=0.05)
    assert unusual(HOUR_AT_WORK, {**on_a_holiday, HOUR_AT_WORK: 0})


def test_a_morning_that_begins_with_a_short_silence_may_be_a_holiday() -> None:
    morning = {7: 60, 8: 60}
    records = {hour: 200 if 9 <= hour.hour < 17 else morning.get(hour.hour, 1) for hour in steady()}
    silent = incident(records, hours_between(HOUR_AT_WORK - HOUR * 2, HOUR_AT_WORK))
    assert unusual(HOUR_AT_WORK - HOUR, silent) is None
    assert unusual(HOUR_AT_WORK, {**silent, HOUR_AT_WORK: 5}) is None
    assert unusual(HOUR_AT_WORK + HOUR, {**silent, HOUR_AT_WORK + HOUR: 0})


def test_the_first_records_after_a_silence_are_not_judged() -> None:
    silent = incident(steady(), hours_between(HOUR_AT_WORK - HOUR * 8, HOUR_AT_WORK))
    assert unusual(HOUR_AT_WORK, {**silent, HOUR_AT_WORK: 5}) is None


def test_a_silence_that_goes_on_for_days_stays_unusual() -> None:
    silent = hours_between(HOUR_AT_WORK - DAY * 3, HOUR_AT_WORK)
    assert len(warned(incident(steady(), silent), silent)) == len(silent)


def test_a_silent_night_is_usual() -> None:
    account = traffic(20_000, 0)
    for day in account.workdays():
        night = account.hours(day, 2, 1)
        assert not warned(incident(account.records, night), night)


def test_an_hour_that_shifts_with_the_clocks_is_usual() -> None:
    records = {hour: 100 if 9 <= hour.hour < 17 else 0 for hour in steady()}
    moved = {hour: records[hour + HOUR] for hour in records if HOUR_AT_WORK > hour >= HOUR_AT_WORK - DAY}
    moved_back = {hour: records[hour - HOUR] for hour in moved}
    assert not warned({**records, **moved}, list(moved))
    assert not warned({**records, **moved_back}, list(moved_back))


def test_one_week_of_the_four_may_have_been_an_incident_itself() -> None:
    records = incident(steady(), [HOUR_AT_WORK - DAY * 7, HOUR_AT_WORK])
    assert unusual(HOUR_AT_WORK, records)
    assert unusual(HOUR_AT_WORK, incident(records, [HOUR_AT_WORK - DAY * 14])) is None


def test_a_young_history_says_nothing() -> None:
    silent = incident(steady(), [HOUR_AT_WORK])
    for weeks, expected in [(2, False), (3, True)]:
        since = HOUR_AT_WORK - DAY * (7 * weeks + 1)
        young = {hour: count for hour, count in silent.items() if hour >= since}
        assert bool(unusual(HOUR_AT_WORK, young)) is expected


def test_unknown_hours_are_not_taken_for_empty_ones() -> None:
    records = incident(steady(10), hours_between(HOUR_AT_WORK - HOUR * 5, HOUR_AT_WORK))
    assert unusual(HOUR_AT_WORK, records)
    del records[HOUR_AT_WORK - HOUR]
    assert unusual(HOUR_AT_WORK, records) is None
    del records[HOUR_AT_WORK]
    assert unusual(HOUR_AT_WORK, records) is None


def test_the_hours_needed_are_all_that_is_read() -> None:
    silent = incident(steady(), hours_between(HOUR_AT_WORK - DAY, HOUR_AT_WORK))
    needed = hours_needed(HOUR_AT_WORK)
    assert needed == sorted(set(needed))
    assert len(needed) == 126
    assert unusual(HOUR_AT_WORK, {hour: silent[hour] for hour in needed}) == unusual(HOUR_AT_WORK, silent)
