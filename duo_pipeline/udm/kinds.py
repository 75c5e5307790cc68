"""What can be found of a line: a loss, a fault, something that nobody knew."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Severity = Literal["violation", "warning"]


@dataclass(frozen=True, eq=False, slots=True)
class Kind:
    """A kind of finding.

    Attributes:
        name: Its name, as in ``findings.ndjson``.
        severity: A violation is a fault of the hour; a warning is something to look at.
        sentence: What it says; ``{}`` stands for what it is about.
    """

    name: str
    severity: Severity
    sentence: str


class Issue(NamedTuple):
    """A kind of finding, and what it is about: a field, a value, a rule."""

    kind: Kind
    about: str = ""

    @property
    def sentence(self) -> str:
        """What is wrong, in words."""
        return self.kind.sentence.format(self.about)


MALFORMED = Kind("malformed", "violation", "not one JSON object: the parser drops the line")
OUTSIDE_SCHEMA = Kind("outside_schema", "violation", "Google's schema does not take the event: {}")
TOO_LONG = Kind("too_long", "violation", "{} bytes at most are allowed")
NO_EVENT_TIME = Kind("no_event_time", "violation", "no event time ({}): SecOps puts in the time of parsing")
MISSING = Kind("missing", "violation", "the required field {} is missing")
CREDITS_LOST = Kind("credits_lost", "violation", "credits lost: the parser drops a number")
NO_HOST = Kind("no_host", "violation", "no host: the event becomes a GENERIC_EVENT")
FACT_LOST = Kind("fact_lost", "violation", "{} lost: its value is no text")
UNKNOWN_VALUE = Kind("unknown_value", "warning", "unknown value: {}")
UNKNOWN_KEY = Kind("unknown_key", "warning", "unknown key: {}")
NO_E164 = Kind("no_e164", "warning", "the phone number is no E.164 number")
UNPROVEN = Kind("unproven", "warning", "no vector of Google's shows what the parser does: {}")
