"""`as_usual`: none of the newest hours is far quieter than usual for the account (a warning)."""

from collections.abc import Callable, Iterable
from datetime import datetime

import dagster as dg

from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs.checks.evaluations import AS_USUAL, Verdict, whole_asset_check
from duo_pipeline.defs.checks.usual import hours_needed, unusual
from duo_pipeline.defs.partitions import hour_of, key_of, last_settled

USUAL_HOURS = 24


def check(
    asset: dg.AssetsDefinition, evaluate: Callable[[dg.DagsterInstance], Verdict]
) -> dg.AssetChecksDefinition:
    """Return the check that warns of unusually quiet hours."""
    return whole_asset_check(
        asset,
        AS_USUAL,
        "None of the last 24 settled hours has far fewer records than the same hour of the weeks"
        " before, and the account has not been silent for unusually long.",
        evaluate,
        dg.AssetCheckSeverity.WARN,
    )


def verdict(
    instance: dg.DagsterInstance, asset: dg.AssetsDefinition, settings: HourSettings, now: datetime
) -> Verdict:
    """Judge whether any of the newest settled hours is far quieter than usual (`unusual`)."""
    newest = last_settled(settings, now, USUAL_HOURS)
    records = _records(instance, asset, {needed for hour in newest for needed in hours_needed(hour)})
    found = {hour: sentence for hour in newest if (sentence := unusual(hour, records))}
    if not found:
        return Verdict(True, f"None of the last {USUAL_HOURS} settled hours is far quieter than usual.")
    return Verdict(False, found[max(found)], sorted(found))


def _records(
    instance: dg.DagsterInstance, asset: dg.AssetsDefinition, hours: Iterable[datetime]
) -> dict[datetime, int]:
    """Return how many records each of these hours has, by its latest materialization."""
    asked = dg.AssetRecordsFilter(asset.key, asset_partitions=[key_of(hour) for hour in hours])
    records: dict[datetime, int] = {}
    cursor: str | None = None
    while True:
        page = instance.fetch_materializations(asked, limit=1000, cursor=cursor)  # newest first
        for record in page.records:
            count = record.asset_materialization and record.asset_materialization.metadata.get("records")
            if record.partition_key and count and isinstance(count.value, int):
                records.setdefault(hour_of(record.partition_key), count.value)
        if not page.has_more:
            return records
        cursor = page.cursor
