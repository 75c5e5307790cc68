"""Writes the page on the mapping: ``python -m docs.udm_mapping > docs/udm-mapping.md``."""

import sys
from collections.abc import Iterable, Sequence

from duo_pipeline.udm.assumptions import Assumption
from duo_pipeline.udm.rules import RULES
from duo_pipeline.udm.schema import LIMITS

_HEAD = """\
# What Google's parser makes of a line

`python -m docs.udm_mapping` writes this page from the table in `duo_pipeline/udm/rules.py`, which also makes
the events. The rules are those of the parser for DUO_TELEPHONY of 2023-08-24. It is listed as current in
2026, and reproduces all of Google's own test vectors (github.com/chronicle/content-hub, `DUO_TELEPHONY_GUS`);
V1 to V5 are the vectors in their order. The parser drops a line that is not a JSON object
(TAG_MALFORMED_MESSAGE).

## The rules

"""
_NEVER_READ = (
    ("`ts`", "nothing", "never read: not empty, it has `timestamp` read as ISO 8601", "parser; V1, V4"),
    ("`txid`", "nothing", "never read", "parser; V1, V2, V4"),
)
_GUIDE = """
## The rows of Google's guide

The mapping table of Google's guide, row by row, and whether it is true.

"""
_YES = "Yes."
GUIDE_ROWS = (
    ("`context`", "metadata.product_event_type", "copied", _YES),
    (
        "`credits`",
        "security_result.detection_fields.value",
        "copied, under the key `credits`",
        "**No**: Duo's own `credits` is a number, and a number does not arrive.",
    ),
    ("`eventtype`", "security_result.detection_fields.value", "copied, under the key `eventtype`", _YES),
    ("`host`", "principal.hostname", "copied, if it is not an IP address", _YES),
    ("-", "security_result.action", "always `ALLOW`", _YES),
    (
        "-",
        "security_result.detection_fields.value",
        "always `MECHANISM_UNSPECIFIED`",
        "**No**: that text is in `extensions.auth.mechanism`; no label has it.",
    ),
    (
        "-",
        "metadata.event_timestamp",
        "from `ts`, an ISO 8601 string",
        "**No**: the parser never reads `ts`: it reads `timestamp`. A line that has only `ts` has no event"
        " time, and SecOps uses the time of parsing instead.",
    ),
    ("-", "metadata.event_type", "by whether `context` and `host` are there", _YES),
    (
        "-",
        "metadata.log_type",
        "from the raw log's `log_type`",
        "**No**: no line has such a field: the platform puts in the log type of the feed.",
    ),
    ("-", "metadata.product_name", "always `Telephony`", _YES),
    ("-", "metadata.vendor_name", "always `Duo`", _YES),
    ("`phone`", "principal.user.phone_numbers", "copied", _YES),
    ("`phone`", "principal.user.userid", "copied", _YES),
    ("-", "security_result.severity", "always `INFORMATIONAL`", _YES),
    (
        "-",
        "security_result.summary",
        "always `Duo Telephony`",
        "**No**: that text is in `target.application`; the summary is the line's `type`.",
    ),
    (
        "`ts`",
        "metadata.event_timestamp",
        "from `ts`, an ISO 8601 string",
        "**No**: `ts` decides only how `timestamp` is read: where `ts` is not empty, as ISO 8601.",
    ),
    ("`type`", "security_result.summary", "copied", _YES),
)
_ASSUMPTIONS = """
## What Google's vectors do not show

In each case we assume what the parser does. The check `nothing_unknown` reports each such line.

"""
_LIMITS = """
## What is checked

Every event is checked against Google's UDM schema (`google-backstory`). `metadata.event_timestamp` and
`metadata.event_type` are always required, a `STATUS_UPDATE` needs a machine in `principal`, and these fields
have a limit in bytes of UTF-8:

"""


def page() -> str:
    """Return the page, as Markdown."""
    rules = [
        (", ".join(f"`{field}`" for field in rule.raw) or "-", f"`{rule.udm}`", rule.when, rule.source)
        for rule in RULES
    ]
    guide = [
        (str(number), field, f"`{udm}`", says, so)
        for number, (field, udm, says, so) in enumerate(GUIDE_ROWS, 1)
    ]
    return "".join(
        (
            _HEAD,
            _table(("from", "UDM field", "when", "source"), [*rules, *_NEVER_READ]),
            _GUIDE,
            _table(("row", "log field", "UDM field", "it says", "true?"), guide),
            _ASSUMPTIONS,
            _table(("case", "assumption"), ((one.case, one.decision) for one in Assumption)),
            _LIMITS,
            _table(
                ("field of `metadata`", "bytes"), ((f"`{name}`", str(most)) for name, most in LIMITS.items())
            ),
        )
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows))


if __name__ == "__main__":
    sys.stdout.write(page())
