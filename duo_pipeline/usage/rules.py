"""The rules: what looks like abuse, from which threshold on, and what to do about it."""

import re
from collections.abc import Mapping
from typing import NamedTuple

HISTORY_DAYS = 28
"""How many days before a day it is compared with."""
COUNTRY_DAYS = 30
"""A country is new if it was not called in this many days before."""


class Threshold(NamedTuple):
    """A threshold: its default, and what it counts."""

    default: float
    meaning: str


class Rule(NamedTuple):
    """A rule.

    Attributes:
        name: Its name, in findings and in the settings.
        means: What a finding of it may mean.
        advice: What to do, as one or two sentences.
        thresholds: Its thresholds by name.
        needs_days: How many earlier days must be known; with fewer, the rule is off and says so.
    """

    name: str
    means: str
    advice: str
    thresholds: Mapping[str, Threshold]
    needs_days: int = 0


REPEATED_PROMPTS = "repeated_prompts"
NUMBER_RANGE = "number_range"
NEW_COUNTRY = "new_country"
EXPENSIVE_DESTINATION = "expensive_destination"
SPIKE = "spike"
ENROLLMENT_BURST = "enrollment_burst"
CREDITS_LOW = "credits_low"

_RULES = (
    Rule(
        REPEATED_PROMPTS,
        "one number is called or texted again and again within minutes: MFA fatigue, with a stolen password",
        "Ask the user whether they tried to log in. If not, change the password, end the sessions, and take"
        " phone calls and text messages out of the policy 'Authentication Methods' for this user.",
        {
            "calls": Threshold(8, "calls and texts to one number"),
            "minutes": Threshold(10, "within this many minutes"),
            "calls_an_hour": Threshold(12, "or this many within an hour"),
            "times_usual": Threshold(2, "and this many times the number's own usual"),
            "times_highest": Threshold(1.6, "and this many times the highest of all numbers on a usual day"),
        },
    ),
    Rule(
        NUMBER_RANGE,
        "many neighbouring numbers are called within hours: SMS pumping, or revenue share fraud",
        "Find the user or the enrolment page behind the records, and block it. At Duo, close self-enrolment"
        " ('New User Policy'), and lower the credits that one authentication may cost (Settings, Phone"
        " Calls).",
        {
            "numbers": Threshold(10, "different numbers within a thousand neighbours"),
            "numbers_of_10000": Threshold(20, "or within ten thousand"),
            "hours": Threshold(6, "within this many hours"),
            "times_usual": Threshold(3, "and this many times the range's own usual"),
        },
        needs_days=7,
    ),
    Rule(
        NEW_COUNTRY,
        "a country is called that was not called in the 30 days before",
        "If nobody of yours is there, block the users behind the records. At Duo, deny the country in the"
        " policy 'User Location', and lower the credits that one authentication may cost (Settings, Phone"
        " Calls).",
        {
            "credits": Threshold(6, "credits of the day"),
            "credits_of_few": Threshold(20, "or this many, if only one or two numbers were called"),
            "share": Threshold(0.0005, "and this share of the credits of a usual day"),
            "credits_before": Threshold(5, "at most this many credits in the 30 days before"),
        },
        needs_days=14,
    ),
    Rule(
        EXPENSIVE_DESTINATION,
        "premium, satellite, personal or shared-cost numbers, or far more credits a call than is usual there",
        "Delete these phones from their users at Duo, and lower the credits that one authentication may cost"
        " (Settings, Phone Calls).",
        {
            "calls": Threshold(3, "calls and texts to numbers of an expensive kind"),
            "times_usual": Threshold(2, "or calls that cost this many times the country's usual"),
            "credits": Threshold(15, "if they cost this many credits more than usual together"),
        },
    ),
    Rule(
        SPIKE,
        "an hour costs far more than the same hour of the week in the four weeks before",
        "Look at the country and the context that grew most. If it is not a roll-out of yours, take phone"
        " calls and text messages out of the policy 'Authentication Methods' until it is over.",
        {
            "credits": Threshold(40, "credits more than usual"),
            "times_usual": Threshold(2.5, "and this many times the usual"),
            "spreads": Threshold(3, "and this many times the usual spread more"),
        },
        needs_days=21,
    ),
    Rule(
        ENROLLMENT_BURST,
        "enrolments far above the usual: somebody enrols numbers of their own, or pumps texts by enrolling",
        "Ask whether it is a roll-out of yours. If not, close self-enrolment at Duo ('New User Policy': deny"
        " access) and delete the users that were enrolled.",
        {
            "enrollments": Threshold(15, "enrolments in an hour"),
            "times_usual": Threshold(3, "and this many times the usual at the day's own pace"),
            "times_usual_day": Threshold(8, "or this many times those of a usual day"),
        },
        needs_days=14,
    ),
    Rule(
        CREDITS_LOW,
        "the credits that are left do not last long at the pace of the last week",
        "Buy credits at Duo (Billing), or turn automatic refill on: without credits nobody"
        " can log in by phone call or text message.",
        {"days": Threshold(14, "the credits last less than this many days")},
    ),
)
RULES = {rule.name: rule for rule in _RULES}

Thresholds = Mapping[str, Mapping[str, float]]
"""The value of each threshold, by rule and name."""
DEFAULTS: Thresholds = {
    rule.name: {name: threshold.default for name, threshold in rule.thresholds.items()} for rule in _RULES
}
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
