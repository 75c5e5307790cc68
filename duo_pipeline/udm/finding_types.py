"""The types of findings about a line: a loss, a violation of the schema, or something unknown."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Severity = Literal["violation", "warning"]


@dataclass(frozen=True, eq=False, slots=True)
class FindingType:
    """A type of finding.

    Attributes:
        name: The name in ``findings.ndjson``.
        severity: ``violation`` if SecOps shows something wrong or not at all; ``warning`` if a person should
            look at it.
        sentence: The text of the finding; ``{}`` stands for its subject.
    """

    name: str
    severity: Severity
    sentence: str


class Issue(NamedTuple):
    """A type of finding, and its subject: a field, a value, an assumption."""

    type: FindingType
    about: str = ""

    @property
    def sentence(self) -> str:
        """Return the text of the finding."""
        return self.type.sentence.format(self.about)


MALFORMED = FindingType("malformed", "violation", "the line is not a JSON object, so the parser drops it")
OUTSIDE_SCHEMA = FindingType("outside_schema", "violation", "Google's schema does not accept the event: {}")
TOO_LONG = FindingType("too_long", "violation", "too long: {}")
NO_EVENT_TIME = FindingType(
    "no_event_time", "violation", "no event time ({}): SecOps uses the time of parsing instead"
)
NEVER_READ = "the parser never reads ts, and there is no timestamp"
"""The usual reason why a line has no event time."""
MISSING = FindingType("missing", "violation", "the required field {} is missing")
CREDITS_LOST = FindingType("credits_lost", "violation", "credits lost: the parser drops a number")
NO_HOST = FindingType("no_host", "violation", "no host: the event becomes a GENERIC_EVENT")
FACT_LOST = FindingType("fact_lost", "violation", "{} lost: its value is not text")
UNKNOWN_VALUE = FindingType("unknown_value", "warning", "unknown value: {}")
UNKNOWN_KEY = FindingType("unknown_key", "warning", "unknown key: {}")
NO_E164 = FindingType("no_e164", "warning", "the phone number is not an E.164 number")
UNPROVEN = FindingType(
    "unproven", "warning", "none of Google's test vectors shows what the parser does with this: {}"
)
