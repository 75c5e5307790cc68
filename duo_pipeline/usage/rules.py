"""The rules: what looks like abuse, from which threshold on, and what to do about it."""

import re
from collections.abc import Mapping
from typing import NamedTuple

HISTORY_DAYS = 28
"""How many days before a day it is compared with."""
COUNTRY_DAYS = 30
"""A country is new if it was not called in this many days before."""


class Rule(NamedTuple):
    """A rule.

    Attributes:
        name: Its name, in findings and in the settings.
        advice: What to do, as one or two sentences.
        thresholds: The defaults of its thresholds by name.
        needs_days: How many earlier days must be known; with fewer, the rule is off and says so.
    """

    name: str
    advice: str
    thresholds: Mapping[str, float]
    needs_days: int = 0


REPEATED_PROMPTS = "repeated_prompts"
NUMBER_RANGE = "number_range"
NEW_COUNTRY = "new_country"
EXPENSIVE_DESTINATION = "expensive_destination"
SPIKE = "spike"
ENROLLMENT_BURST = "enrollment_burst"
CREDITS_LOW = "credits_low"

_RULES = (
    # one number is called or texted again and again within minutes: MFA fatigue, with a stolen password
    Rule(
        REPEATED_PROMPTS,
        "Ask the user whether they tried to log in. If not, change the password, end the sessions, and take"
        " phone calls and text messages out of the policy 'Authentication Methods' for this user.",
        {
            "calls": 8,  # calls and texts to one number
            "minutes": 10,  # within this many minutes
            "calls_an_hour": 12,  # or this many within an hour
            "times_usual": 2,  # and this many times the number's own usual
            "times_highest": 1.6,  # and this many times the highest of all numbers on a usual day
        },
    ),
    # many neighbouring numbers are called within hours: SMS pumping, or revenue share fraud
    Rule(
        NUMBER_RANGE,
        "Find the user or the enrolment page behind the records, and block it. At Duo, close self-enrolment"
        " ('New User Policy'), and lower the credits that one authentication may cost (Settings, Phone"
        " Calls).",
        {
            "numbers": 10,  # different numbers within a thousand neighbours
            "numbers_of_10000": 20,  # or within ten thousand
            "hours": 6,  # within this many hours
            "times_usual": 3,  # and this many times the range's own usual
        },
        needs_days=7,
    ),
    # a country is called that was not called in the 30 days before
    Rule(
        NEW_COUNTRY,
        "If nobody of yours is there, block the users behind the records. At Duo, deny the country in the"
        " policy 'User Location', and lower the credits that one authentication may cost (Settings, Phone"
        " Calls).",
        {
            "credits": 6,  # credits of the day
            "credits_of_few": 20,  # or this many, if only one or two numbers were called
            "share": 0.0005,  # and this share of the credits of a usual day
            "credits_before": 5,  # at most this many credits in the 30 days before
        },
        needs_days=14,
    ),
    # premium, satellite, personal or shared-cost numbers, or far more credits a call than is usual there
    Rule(
        EXPENSIVE_DESTINATION,
        "Delete these phones from their users at Duo, and lower the credits that one authentication may cost"
        " (Settings, Phone Calls).",
        {
            "calls": 3,  # calls and texts to numbers of an expensive kind
            "times_usual": 2,  # or calls that cost this many times the country's usual
            "credits": 15,  # if they cost this many credits more than usual together
        },
    ),
    # an hour costs far more than the same hour of the week in the four weeks before
    Rule(
        SPIKE,
        "Look at the country and the context that grew most. If it is not a roll-out of yours, take phone"
        " calls and text messages out of the policy 'Authentication Methods' until it is over.",
        {
            "credits": 40,  # credits more than usual
            "times_usual": 2.5,  # and this many times the usual
            "spreads": 3,  # and this many times the usual spread more
        },
        needs_days=21,
    ),
    # enrolments far above the usual: somebody enrols numbers of their own, or pumps texts by enrolling
    Rule(
        ENROLLMENT_BURST,
        "Ask whether it is a roll-out of yours. If not, close self-enrolment at Duo ('New User Policy': deny"
        " access) and delete the users that were enrolled.",
        {
            "enrollments": 15,  # enrolments in an hour
            "times_usual": 3,  # and this many times the usual at the day's own pace
            "times_usual_day": 8,  # or this many times those of a usual day
        },
        needs_days=14,
    ),
    # the credits that are left do not last long at the pace of the last week
    Rule(
        CREDITS_LOW,
        "Buy credits at Duo (Billing), or turn automatic refill on: without credits nobody"
        " can log in by phone call or text message.",
        {
            "days": 14,  # the credits last less than this many days
        },
    ),
)
RULES = {rule.name: rule for rule in _RULES}

Thresholds = Mapping[str, Mapping[str, float]]
"""The value of each threshold, by rule and name."""
DEFAULTS: Thresholds = {rule.name: rule.thresholds for rule in _RULES}
_ONE = re.compile(r"(\w+)\.(\w+)=(\d+(?:\.\d+)?)", re.ASCII)


def thresholds(text: str) -> Thresholds:
    """Return the thresholds with some replaced, as in ``spike.credits=100, new_country.credits=20``.

    Raises:
        ValueError: The text names no threshold, or its value is not a positive number; it says which.
    """
    found = {name: dict(values) for name, values in DEFAULTS.items()}
    for part in filter(None, re.split(r"[\s,]+", text)):
        match = _ONE.fullmatch(part)
        if match is None or match[2] not in found.get(match[1], {}):
            known = ", ".join(f"{rule}.{name}" for rule, values in DEFAULTS.items() for name in values)
            raise ValueError(
                f"has no threshold {part!r}: write RULE.THRESHOLD=NUMBER with one of these: {known}"
            )
        if not (value := float(match[3])):
            raise ValueError(f"sets {match[1]}.{match[2]} to 0: it must be above 0")
        found[match[1]][match[2]] = value
    return found
