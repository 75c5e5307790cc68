"""`credits_low`: how long the credits that are left will last."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from duo_pipeline.usage.finding import Finding, amount, plain
from duo_pipeline.usage.profile import HOURS, Profile
from duo_pipeline.usage.rules import CREDITS_LOW, DEFAULTS, Thresholds

PACE_DAYS = 7


@dataclass(frozen=True, slots=True)
class CreditsLeft:
    """The credits that an account has left.

    Attributes:
        remaining: How many there are.
        a_day: How many a day cost in the last week.
        asked: The day when Duo was asked, in UTC.
    """

    remaining: float
    a_day: float
    asked: date

    @property
    def days(self) -> float | None:
        """For how many days they last, or None if nothing is spent."""
        return self.remaining / self.a_day if self.a_day else None

    @property
    def until(self) -> date | None:
        """The last day for which they last, or None if nothing is spent or it is years away."""
        return None if self.days is None or self.days > 3650 else self.asked + timedelta(days=int(self.days))

    def __str__(self) -> str:
        left = f"{plain(self.remaining):,} credits are left"
        if not self.a_day:
            return f"{left}, and none was spent in the last week"
        until = f"until {self.until}" if self.until else "for years"
        return f"{left}: at {plain(round(self.a_day, 1)):,} a day they last {until}"


def credits_left(remaining: float, asked: date, last_days: Sequence[Profile]) -> CreditsLeft:
    """Return how long credits last at the pace of the last week.

    Args:
        remaining: The credits that are left.
        asked: The day when Duo was asked.
        last_days: The profiles of the last days, newest first.
    """
    week = [one for one in last_days[:PACE_DAYS] if one.hours]
    hours = sum(len(one.hours) for one in week)
    return CreditsLeft(
        remaining, sum(sum(one.credits) for one in week) * HOURS / hours if hours else 0, asked
    )


def credits_low(left: CreditsLeft, thresholds: Thresholds = DEFAULTS) -> list[Finding]:
    """Return the finding that the credits do not last long, if they do not."""
    days = left.days
    if days is None or days >= thresholds[CREDITS_LOW]["days"]:
        return []
    sentence = (
        f"{amount(left.remaining, 'credit')} are left, which last {amount(int(days), 'day')} at the pace of"
        f" the last week ({plain(round(left.a_day, 1)):,} a day)."
    )
    return [Finding(CREDITS_LOW, "", sentence)]
