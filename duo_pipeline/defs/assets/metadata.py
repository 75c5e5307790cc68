"""The metadata of each hour's materialization. It contains no secret and no whole phone number."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from duo_pipeline import instants
from duo_pipeline.duo.telephony_log import TelephonyLog
from duo_pipeline.landing.hour import Landed
from duo_pipeline.masking import mask_phone, shown
from duo_pipeline.udm.findings import FactCount, Findings

_PREVIEW_FIELDS = ("ts", "type", "context", "credits", "phone", "telephony_id")
_BAR = 10
_MOST_TYPES = 20
_NO_BREAK = "\N{NO-BREAK SPACE}"


def landed_metadata(
    landed: Landed, *, log: TelephonyLog, requests: int, read_before: bool, now: datetime
) -> dict[str, dg.MetadataValue]:
    """Return the metadata of an hour that has landed.

    Args:
        landed: The result of landing the hour.
        log: The query that read it, for this hour only or for a range.
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
        "rejects": dg.MetadataValue.int(landed.rejects.total()),
        "requests": dg.MetadataValue.int(requests),
        "duo_total": dg.MetadataValue.int(log.total.value) if log.total else dg.MetadataValue.null(),
        "query": dg.MetadataValue.text(_range(log.start, log.end)),
        "first_ts": _instant_or_null(landed.first_ns),
        "last_ts": _instant_or_null(landed.last_ns),
        "credits": dg.MetadataValue.int(landed.credits_by_type.total()),
        "credits_by_type": dg.MetadataValue.json(_by_shown_name(landed.credits_by_type)),
        "objects": dg.MetadataValue.json(landed.objects),
        "preview": dg.MetadataValue.md(_preview(landed.preview)),
    }


def udm_metadata(findings: Findings, *, events: str | None, found: str | None) -> dict[str, dg.MetadataValue]:
    """Return the metadata of an hour's UDM events.

    Args:
        findings: What was found in the hour's lines.
        events: The URI of the events, if there are any.
        found: The URI of the findings, if there are any.
    """
    return {
        "lines": dg.MetadataValue.int(findings.lines),
        "events": dg.MetadataValue.int(findings.events_by_type.total()),
        "events_by_type": dg.MetadataValue.json(dict(findings.events_by_type)),
        "facts": dg.MetadataValue.md(_facts_chart(findings.fact_counts())),
        "findings": dg.MetadataValue.int(findings.total),
        "violations": dg.MetadataValue.int(findings.violations),
        "findings_table": dg.MetadataValue.md(_findings_table(findings)),
        "object": _text_or_null(events),
        "findings_object": _text_or_null(found),
    }


def _range(start: datetime, end: datetime) -> str:
    return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"


def _minutes_since(ns: int | None, now: datetime) -> int:
    return (instants.to_ns(now) - (ns or 0)) // (60 * instants.NANOSECONDS)


def _instant_or_null(ns: int | None) -> dg.MetadataValue:
    return _text_or_null(None if ns is None else instants.iso(ns))


def _text_or_null(text: str | None) -> dg.MetadataValue:
    return dg.MetadataValue.text(text) if text else dg.MetadataValue.null()


def _facts_chart(counts: Sequence[FactCount]) -> str:
    """Return a table with a bar for each UDM field that a field of the lines fills."""
    rows = [("UDM field", "from", "lines", "events", "arrives"), ["---"] * 5]
    for udm, raw, lines, events in counts:
        if raw and lines:
            share = events / lines
            bar = "█" * round(share * _BAR) + "░" * (_BAR - round(share * _BAR))
            rows.append((f"`{udm}`", raw, f"{lines:,}", f"{events:,}", f"{bar}{_NO_BREAK}{share:.0%}"))
    return _markdown(rows) if len(rows) > 2 else "none"


def _findings_table(findings: Findings) -> str:
    if not findings.total:
        return "none"
    rows: list[Sequence[str]] = [("finding", "severity", "lines", "first place", "telephony_id"), ["---"] * 5]
    for issue, lines, places in findings.findings():
        first = places[0]
        whose = shown(first.record_id or "")
        rows.append((issue.sentence, issue.type.severity, f"{lines:,}", str(first), whose))
    return _markdown(rows)


def _preview(records: list[dict[str, Any]]) -> str:
    rows: list[Sequence[str]] = [_PREVIEW_FIELDS, ["---"] * len(_PREVIEW_FIELDS)]
    rows += [[_cell(record, field) for field in _PREVIEW_FIELDS] for record in records]
    return _markdown(rows)


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    # by hand: pandas takes a millisecond for it, and a backfill has thousands of hours
    return "\n".join(f"|{'|'.join(row)}|" for row in rows)


def _cell(record: Mapping[str, Any], field: str) -> str:
    text = str(record.get(field, ""))
    return mask_phone(text) if field == "phone" else shown(text)


def _by_shown_name(credits_by_type: Counter[str]) -> dict[str, int]:
    """Return the credits of the most expensive types by their shown names, and the sum of all others."""
    credits_: Counter[str] = Counter()
    for rank, (name, spent) in enumerate(credits_by_type.most_common()):
        credits_[shown(name) if rank < _MOST_TYPES else "others"] += spent
    return dict(credits_)
