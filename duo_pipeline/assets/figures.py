"""The figures that each hour's materialization carries: no secret and no whole phone number is in them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import dagster as dg
import pandas as pd

from duo_pipeline import instants
from duo_pipeline.duo.telephony_log import TelephonyLog
from duo_pipeline.landing.hour import Landed
from duo_pipeline.masking import mask_phone, mask_phones
from duo_pipeline.udm.findings import Findings

_PREVIEW_FIELDS = ("ts", "type", "context", "credits", "phone", "telephony_id")


def landed_figures(
    landed: Landed, *, log: TelephonyLog, requests: int, read_before: bool, now: datetime
) -> dict[str, dg.MetadataValue]:
    """Give the figures of an hour that landed.

    Args:
        landed: What landing it brought.
        log: The query that brought it, of this hour alone or of a range.
        requests: How many requests were sent while this hour was read.
        read_before: Whether Dagster knows of an earlier reading.
        now: The time, in UTC.
    """
    late = landed.new_records if landed.had_objects or read_before else 0
    return {
        "records": dg.MetadataValue.int(landed.records),
        "new_records": dg.MetadataValue.int(landed.new_records),
        "late_records": dg.MetadataValue.int(late),
        "late_by_minutes": dg.MetadataValue.int(_minutes_since(landed.first_new_ns, now) if late else 0),
        "rejects": dg.MetadataValue.int(landed.rejects),
        "requests": dg.MetadataValue.int(requests),
        "duo_total": dg.MetadataValue.int(log.total.value) if log.total else dg.MetadataValue.null(),
        "query": dg.MetadataValue.text(_range(log.start, log.end)),
        "first_ts": _instant_or_null(landed.first_ns),
        "last_ts": _instant_or_null(landed.last_ns),
        "credits": dg.MetadataValue.int(landed.credits_by_type.total()),
        "credits_by_type": dg.MetadataValue.json(
            {mask_phones(kind): credits_ for kind, credits_ in landed.credits_by_type.items()}
        ),
        "objects": dg.MetadataValue.json(landed.objects),
        "preview": dg.MetadataValue.md(_preview(landed.preview)),
    }


def udm_figures(findings: Findings, *, lines: int, uri: str | None) -> dict[str, dg.MetadataValue]:
    """Give the figures of an hour's UDM events.

    Args:
        findings: What SecOps will not show.
        lines: How many lines the hour has in the feed.
        uri: Where the events are, if there are any.
    """
    return {
        "lines": dg.MetadataValue.int(lines),
        "events": dg.MetadataValue.int(findings.events_by_type.total()),
        "events_by_type": dg.MetadataValue.json(dict(findings.events_by_type)),
        "findings": dg.MetadataValue.int(findings.total),
        "findings_table": dg.MetadataValue.md(_markdown(findings.table())),
        "object": _text_or_null(uri),
    }


def _range(start: datetime, end: datetime) -> str:
    return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"


def _minutes_since(ns: int | None, now: datetime) -> int:
    return (instants.to_ns(now) - (ns or 0)) // (60 * instants.NANOSECONDS)


def _instant_or_null(ns: int | None) -> dg.MetadataValue:
    return _text_or_null(None if ns is None else instants.iso(ns))


def _text_or_null(text: str | None) -> dg.MetadataValue:
    return dg.MetadataValue.text(text) if text else dg.MetadataValue.null()


def _preview(records: list[dict[str, Any]]) -> str:
    # by hand: pandas takes a millisecond for it, and a backfill has thousands of hours
    rows = [_PREVIEW_FIELDS, ["---"] * len(_PREVIEW_FIELDS)]
    rows += [[_cell(record, field).replace("|", "\\|") for field in _PREVIEW_FIELDS] for record in records]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(record: Mapping[str, Any], field: str) -> str:
    text = str(record.get(field, ""))
    if field == "phone":
        return mask_phone(text)
    if field == "telephony_id" and _is_uuid(text):
        return text
    if field == "ts":
        return text
    return mask_phones(text)


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _markdown(table: pd.DataFrame) -> str:
    return table.to_markdown(index=False) if len(table) else "none"
