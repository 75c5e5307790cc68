"""The metadata of materializations as people see it. It contains no secret and no whole phone number."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from duo_pipeline.masking import mask_phone, shown

_MOST_NAMES = 20


def text_or_null(text: str | None) -> dg.MetadataValue:
    """Return the text as metadata."""
    return dg.MetadataValue.text(text) if text else dg.MetadataValue.null()


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> dg.MetadataValue:
    """Return a table in Markdown; the cells have no Markdown in them (`masking.shown`)."""
    # by hand: pandas takes a millisecond for it, and a backfill has thousands of hours
    lines = [header, ["---"] * len(header), *rows]
    return dg.MetadataValue.md("\n".join(f"|{'|'.join(line)}|" for line in lines))


def table_or_none(header: Sequence[str], rows: Sequence[Sequence[str]]) -> dg.MetadataValue:
    """Return a `table`, or the word "none" if it would have no rows."""
    return table(header, rows) if rows else dg.MetadataValue.md("none")


def preview(records: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> dg.MetadataValue:
    """Return a table with some fields of some records, with masked phone numbers."""
    return table(
        fields, [[_cell(field, str(record.get(field, ""))) for field in fields] for record in records]
    )


def by_name(counts: Counter[str]) -> dg.MetadataValue:
    """Return the highest counts by their shown names, and the sum of all others."""
    seen: Counter[str] = Counter()
    for rank, (name, count) in enumerate(counts.most_common()):
        seen[shown(name) if rank < _MOST_NAMES else "others"] += count
    return dg.MetadataValue.json(dict(seen))


def _cell(field: str, text: str) -> str:
    return mask_phone(text) if field == "phone" else shown(text)
