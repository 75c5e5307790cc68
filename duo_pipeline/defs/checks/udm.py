"""The checks of an hour's UDM events: what SecOps will not show, and what to do about it."""

from typing import NamedTuple

import dagster as dg

from duo_pipeline.defs.checks.evaluations import Verdict
from duo_pipeline.udm.finding_types import (
    CREDITS_LOST,
    FACT_LOST,
    MALFORMED,
    MISSING,
    NO_E164,
    NO_EVENT_TIME,
    NO_HOST,
    OUTSIDE_SCHEMA,
    TOO_LONG,
    UNKNOWN_KEY,
    UNKNOWN_VALUE,
    UNPROVEN,
    FindingType,
)
from duo_pipeline.udm.findings import Finding, Findings

_NAMED = 3
_LOOK = "look at the line; docs/udm-mapping.md says what Google's parser makes of it"
_AS_SENT = (
    "{:,} lines are written as Duo sent them, and Google's parser cannot read such lines completely: set"
    " DUO_RECORD_FORMAT=secops. It applies to new lines only, because the feed is never rewritten"
)


class UdmCheck(NamedTuple):
    """One of the checks.

    Attributes:
        name: Its name in Dagster.
        description: What it requires.
        finding_types: The types of findings that turn it red.
        cure: What to do when it is red.
        severity: A warning, or an error.
    """

    name: str
    description: str
    finding_types: frozenset[FindingType]
    cure: str = _LOOK
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR


UDM_CHECKS = (
    UdmCheck(
        "schema",
        "Google's UDM schema accepts every event, and no field is too long.",
        frozenset({OUTSIDE_SCHEMA, TOO_LONG}),
        "SecOps refuses such an event, or cuts off the end of the field: look at the line. If Duo's log has"
        " the same value, report it to Duo's support",
    ),
    UdmCheck(
        "required_fields",
        "Every event has the fields that its type requires.",
        frozenset({MISSING, NO_EVENT_TIME}),
    ),
    UdmCheck(
        "event_time_preserved",
        "Every event has the time of its record.",
        frozenset({NO_EVENT_TIME}),
    ),
    UdmCheck(
        "facts_preserved",
        "Everything that a line says, and its host, is in its event.",
        frozenset({MALFORMED, CREDITS_LOST, NO_HOST, FACT_LOST}),
    ),
    UdmCheck(
        "nothing_unknown",
        "No line has an unknown key, value or form of phone number, or a case that none of Google's test"
        " vectors shows.",
        frozenset({UNKNOWN_VALUE, UNKNOWN_KEY, NO_E164, UNPROVEN}),
        "Duo may have changed its log: look at the lines, and check how SecOps shows them",
        dg.AssetCheckSeverity.WARN,
    ),
)


def verdict(check: UdmCheck, findings: Findings) -> Verdict:
    """Return the verdict of a check on an hour."""
    found = [one for one in findings.findings() if one.issue.type in check.finding_types]
    if not found:
        return Verdict(True, f"{findings.lines:,} lines. {check.description}", severity=check.severity)
    named = "; ".join(_said(one, findings.lines) for one in found[:_NAMED])
    more = f"; and {len(found) - _NAMED} more findings" if len(found) > _NAMED else ""
    cure = _AS_SENT.format(findings.as_sent) if _is_by_format(found, findings) else check.cure
    return Verdict(False, f"{named}{more}: {cure}.", severity=check.severity)


def _said(finding: Finding, lines: int) -> str:
    return f"{finding.lines:,} of {lines:,} lines: {finding.issue.sentence}, first at {finding.places[0]}"


def _is_by_format(found: list[Finding], findings: Findings) -> bool:
    """Return whether lines that are as Duo sent them explain what was found."""
    lost = {NO_EVENT_TIME, CREDITS_LOST, NO_HOST}
    return bool(findings.as_sent) and any(one.issue.type in lost for one in found)
