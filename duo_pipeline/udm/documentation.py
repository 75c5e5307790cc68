"""``docs/udm-mapping.md``, written from the table of rules: ``python -m duo_pipeline.udm.documentation``."""

import sys
from collections.abc import Iterable, Sequence

from duo_pipeline.udm.assumptions import ASSUMPTIONS
from duo_pipeline.udm.rules import RULES, GuideRow, Rule
from duo_pipeline.udm.schema import LIMITS

_HEAD = """\
# What Google's parser makes of a line

Written by `python -m duo_pipeline.udm.documentation` from the table in `duo_pipeline/udm/rules.py`, of which
the events themselves are made. The rules are those of the parser for DUO_TELEPHONY of 2023-08-24, which is
listed as current in 2026 and reproduces all of Google's own test vectors (github.com/chronicle/content-hub,
`DUO_TELEPHONY_GUS`); V1 to V5 are the vectors in their order. A line that is not one JSON object is dropped
whole (TAG_MALFORMED_MESSAGE).
"""
_ROWS_OF_THE_GUIDE = """
## The rows of Google's guide

The mapping table of Google's guide, row by row, and what holds.
"""
_UNPROVEN = """
## What no vector settles

Decided here, and reported by the check `nothing_unknown` as unproven wherever a line comes to it.
"""
_LIMITS = """
## What is checked

Every event is held against Google's UDM schema (`google-backstory`). Beyond that: `metadata.event_timestamp`
and `metadata.event_type` are always required, a `STATUS_UPDATE` needs a machine in `principal`, and these
fields have a limit in bytes of UTF-8:
"""


def document() -> str:
    """Give the page, as Markdown."""
    return "".join(
        (
            _HEAD,
            "\n## The rules\n\n",
            _table(("from", "UDM field", "when", "source"), map(_rule, RULES)),
            _ROWS_OF_THE_GUIDE + "\n",
            _table(("row", "log field", "UDM field", "it says", "so?"), _guide_rows()),
            _UNPROVEN + "\n",
            _table(("case", "decision"), ((one.case, one.decision) for one in ASSUMPTIONS)),
            _LIMITS + "\n",
            _table(
                ("field of `metadata`", "bytes"), ((f"`{name}`", str(most)) for name, most in LIMITS.items())
            ),
        )
    )


def _rule(rule: Rule) -> Sequence[str]:
    raw = ", ".join(f"`{field}`" for field in rule.raw) or "-"
    return raw, f"`{rule.udm}`" if rule.udm else "nothing", rule.when, rule.source


def _guide_rows() -> Iterable[Sequence[str]]:
    rows: list[GuideRow] = sorted((row for rule in RULES for row in rule.guide), key=lambda row: row.number)
    for row in rows:
        field = f"`{row.field}`" if row.field else "-"
        yield (
            str(row.number),
            field,
            f"`{row.udm}`",
            row.says,
            f"**No**: {row.wrong}." if row.wrong else "Yes.",
        )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in lines)


if __name__ == "__main__":
    sys.stdout.write(document())
