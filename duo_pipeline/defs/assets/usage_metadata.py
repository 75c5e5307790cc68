"""The metadata of each day's usage: what it cost, where, when, and what looks like abuse."""

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

from duo_pipeline.defs.assets.metadata import table_or_none
from duo_pipeline.defs.days import hours_of
from duo_pipeline.defs.partitions import contiguous
from duo_pipeline.masking import shown
from duo_pipeline.usage.chart import chart
from duo_pipeline.usage.credits import CreditsLeft
from duo_pipeline.usage.day import Usage
from duo_pipeline.usage.profile import Profile

_MOST_ROWS = 30


def usage_metadata(
    usage: Usage,
    *,
    before: Iterable[Profile],
    left: CreditsLeft | str,
    objects: Sequence[str],
) -> dict[str, dg.MetadataValue]:
    """Return the metadata of a day. It contains no phone number.

    Args:
        usage: The usage of the day.
        before: The profiles of the days before, for the chart.
        left: The credits that are left, or why they are not known.
        objects: The URIs of the objects in S3.
    """
    landed = {one.day: one.known_credits for one in (*before, usage.profile)}
    return {
        "credits": dg.MetadataValue.float(float(usage.credits)),
        "records": dg.MetadataValue.int(usage.calls),
        "numbers": dg.MetadataValue.int(usage.numbers),
        "findings": dg.MetadataValue.int(len(usage.findings)),
        "findings_table": table_or_none(
            ("rule", "finding"), [(one.rule, one.sentence) for one in usage.findings]
        ),
        "missing_hours": dg.MetadataValue.text(_missing_hours(usage)),
        "by_country": _table(usage, "country"),
        "by_type": _table(usage, "type"),
        "by_context": _table(usage, "context"),
        "credits_by_hour": dg.MetadataValue.md(f"```\n{chart(usage.day, landed)}\n```"),
        "credits_left": dg.MetadataValue.text(str(left)),
        "unreadable_numbers": dg.MetadataValue.int(usage.unreadable_numbers),
        "unreadable_lines": dg.MetadataValue.int(usage.unreadable_lines),
        "rules_off": dg.MetadataValue.md(_rules_off(usage.off)),
        "objects": dg.MetadataValue.json(list(objects)),
    }


def _missing_hours(usage: Usage) -> str:
    """Return the hours of the day that had not landed, as ranges: ``03:00, 15:00 to 23:00``."""
    hours = hours_of(usage.day)
    ranges = contiguous(hours[number] for number in usage.missing_hours)
    named = (f"{a:%H:%M}" if a == b else f"{a:%H:%M} to {b:%H:%M}" for a, b in ranges)
    return ", ".join(named) or "none"


def _table(usage: Usage, name: str) -> dg.MetadataValue:
    rows = usage.by(name)
    cells = [(shown(str(row[name])), f"{row['calls']:,}", f"{row['credits']:,}") for row in rows[:_MOST_ROWS]]
    more = [(f"{len(rows) - _MOST_ROWS} more", "", "")] if len(rows) > _MOST_ROWS else []
    return table_or_none((name, "records", "credits"), [*cells, *more])


def _rules_off(off: Mapping[str, str]) -> str:
    return "\n".join(f"- `{rule}` {why}" for rule, why in off.items()) or "none"
