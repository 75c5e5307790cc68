"""The people of an emulated account: whom Duo calls and texts in an ordinary hour, from a seed."""

import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

# Busy from 7 to 18 UTC with a dip at noon. The numbers are weights; MEAN_WEIGHT is their mean over a week.
DAY = (2, 1, 1, 1, 1, 2, 4, 8, 11, 12, 11, 10, 8, 10, 11, 10, 9, 7, 5, 4, 3, 3, 2, 2)
WEEKEND = 0.25
MEAN_WEIGHT = sum(DAY) * (5 + 2 * WEEKEND) / 7 / 24
HOUR = timedelta(hours=1)
SECONDS = 3600

# The known contexts, with weights; Duo may add others at any time.
CONTEXTS = {"authentication": 88, "enrollment": 6, "administrator login": 4, "verify": 2}
SHARE_OF_SMS = 0.6
SHARE_WITHOUT_CHARGE = 0.03


class Country(NamedTuple):
    """A country of the emulated account.

    Attributes:
        share: Its share of the people.
        numbers: How its numbers begin, and how many digits follow. The country reserves them for fiction.
        sms: The credits of a text message.
        phone: The credits of a call.
    """

    share: int
    numbers: tuple[tuple[str, int], ...]
    sms: int
    phone: int


CANADIAN_AREAS = (204, 226, 236, 249, 289, 306, 403, 416, 514, 604)
CARIBBEAN_AREAS = (242, 246, 264, 268, 284)
US_AREAS = tuple({*range(201, 320)} - {211, 311, *CANADIAN_AREAS, *CARIBBEAN_AREAS})
COUNTRIES = {
    "US": Country(64, tuple((f"+1{area}55501", 2) for area in US_AREAS), 1, 2),
    "GB": Country(13, (("+447700900", 3), ("+442079460", 3), ("+441614960", 3)), 1, 3),
    "CA": Country(8, tuple((f"+1{area}55501", 2) for area in CANADIAN_AREAS), 1, 2),
    "DE": Country(6, (("+493023125", 3), ("+492214710", 3)), 1, 3),
    "FR": Country(4, (("+3363998", 4),), 1, 3),
    "AU": Country(4, (("+6125550", 4), ("+6175550", 4)), 2, 5),
    "SE": Country(1, (("+467017406", 2),), 1, 3),
}
OFFICE = ("+131255501", 2)
"""Desk phones, which are neighbours."""
SHARE_IN_OFFICE = 0.08
# These countries reserve no numbers; nobody is called.
RARE_COUNTRIES = (("+34655555", 3), ("+39345555", 4), ("+4850555", 4), ("+6591555", 3), ("+5255555", 5))
RARE_CREDITS = (1, 3)


class Call(NamedTuple):
    """A call or a text message.

    Attributes:
        second: When, in seconds from the beginning of its hour, or of its attack.
        phone: The number.
        type: ``sms`` or ``phone``.
        context: What for.
        credits: What it costs.
    """

    second: float
    phone: str
    type: str
    context: str
    credits: int


class Day(NamedTuple):
    """What an ordinary day is like.

    Attributes:
        pace: How busy it is; a usual day has 1.
        enrolling: How many enrolments it has, as a multiple of the usual.
        busy_hour: The hour in which everybody logs in again after an outage, or -1.
        stranger: A number of a rare country, whose owner logs in, or empty.
    """

    pace: float
    enrolling: float
    busy_hour: int
    stranger: str


class Traffic:
    """Whom Duo calls in each hour: the same for the same seed on each machine.

    There are a weekly rhythm, holidays, days on which a release makes many people enrol, outages after which
    everybody logs in again, people who retry, and now and then somebody in a country of their own.

    Args:
        seed: The seed; each seed makes a different account.
        calls_per_day: The mean over a week.
    """

    def __init__(self, seed: str, calls_per_day: float) -> None:
        self.seed = seed
        self.calls_per_day = calls_per_day
        rng = self._random("people")
        count = max(20, int(calls_per_day * 0.6))
        self.people = [_person(rng) for _ in range(count)]

    @lru_cache(maxsize=400)  # noqa: B019 - a log lives as long as its server
    def day(self, day: date) -> Day:
        """Return what a day is like."""
        rng = self._random(day.isoformat())
        holiday = day.weekday() < 5 and rng.random() < 0.03
        release = day.weekday() < 5 and not holiday and rng.random() < 0.03
        pace = rng.gauss(1.0, 0.08) * (WEEKEND if holiday else 1)
        outage = rng.randrange(8, 17) if rng.random() < 0.02 and not holiday else -1
        stranger = _phone(rng, rng.choice(RARE_COUNTRIES)) if rng.random() < 0.08 else ""
        return Day(max(0.2, pace), rng.uniform(3, 5) if release else 1.0, outage, stranger)

    def expected(self, start: datetime) -> float:
        """Return how many calls the hour that begins at ``start`` has on average."""
        weight = DAY[start.hour] * (WEEKEND if start.weekday() >= 5 else 1)
        return self.calls_per_day / 24 * weight / MEAN_WEIGHT

    def hour(self, start: datetime) -> Sequence[Call]:
        """Return the calls and texts of the hour that begins at ``start``, in UTC, in order of time."""
        rng, day = self._random(start.isoformat()), self.day(start.date())
        pace = day.pace * rng.gauss(1.0, 0.1) * (2 if start.hour == day.busy_hour else 1)
        rate = max(0.05, pace) * self.expected(start) / 1.05 / SECONDS
        working = 8 <= start.hour < 17
        weights = {**CONTEXTS, "enrollment": CONTEXTS["enrollment"] * (day.enrolling if working else 1)}
        extra = sum(weights.values()) / sum(CONTEXTS.values())
        names, shares = tuple(weights), tuple(weights.values())
        calls: list[Call] = []
        # Gaps of exponential length make a Poisson process.
        second = rng.expovariate(rate * extra)
        while second < SECONDS:
            context = rng.choices(names, shares)[0]
            phone, (sms, voice) = rng.choice(self.people)
            if context == "enrollment":
                phone, (sms, voice) = _person(rng)
            calls.append(_call(rng, second, phone, context, sms, voice))
            if rng.random() < 0.025:
                tries = sorted(rng.uniform(5, 180) for _ in range(rng.randint(1, 4)))
                calls += [_call(rng, second + later, phone, context, sms, voice) for later in tries]
            second += rng.expovariate(rate * extra)
        if day.stranger and start.hour in (9, 14):
            calls.append(_call(rng, rng.uniform(0, SECONDS), day.stranger, "authentication", *RARE_CREDITS))
        return sorted(call for call in calls if call.second < SECONDS)

    def _random(self, name: str) -> random.Random:
        return random.Random(f"{self.seed}/{name}")  # noqa: S311 - it must be the same each time


def _person(rng: random.Random) -> tuple[str, tuple[int, int]]:
    """Return a number, and the credits of a text message and of a call to it."""
    if rng.random() < SHARE_IN_OFFICE:
        return _phone(rng, OFFICE), (COUNTRIES["US"].sms, COUNTRIES["US"].phone)
    countries = tuple(COUNTRIES.values())
    country = rng.choices(countries, [one.share for one in countries])[0]
    return _phone(rng, rng.choice(country.numbers)), (country.sms, country.phone)


def _phone(rng: random.Random, numbers: tuple[str, int]) -> str:
    begin, digits = numbers
    return f"{begin}{rng.randrange(10**digits):0{digits}}"


def _call(rng: random.Random, second: float, phone: str, context: str, sms: int, voice: int) -> Call:
    is_sms = rng.random() < SHARE_OF_SMS
    charged = rng.random() >= SHARE_WITHOUT_CHARGE
    return Call(
        second, phone, "sms" if is_sms else "phone", context, (sms if is_sms else voice) if charged else 0
    )
