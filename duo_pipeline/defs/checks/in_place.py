"""`in_place`: every line of the feed is in the folder of its hour, once."""

import dagster as dg

from duo_pipeline.defs.checks.evaluations import IN_PLACE, Verdict
from duo_pipeline.landing.placement import Placement


def spec(asset: dg.AssetKey, partitions: dg.PartitionsDefinition[str]) -> dg.AssetCheckSpec:
    """Return the check's spec for Dagster."""
    return dg.AssetCheckSpec(
        IN_PLACE,
        asset=asset,
        partitions_def=partitions,
        description="Every line in the hour's folder of the feed belongs to the hour, and is there once.",
    )


def verdict(placement: Placement, lines: int) -> Verdict:
    """Return the verdict on an hour, by where its lines lie."""
    doubled = placement.doubled()
    wrong = []
    if placement.astray:
        wrong.append(f"{placement.astray} lines belong to another hour, the first at {placement.astray_at}")
    if doubled:
        wrong.append(f"{doubled} lines are duplicates")
    if not wrong:
        return Verdict(True, f"Each of {lines} lines is in the folder of its hour, once.")
    return Verdict(
        False,
        f"Of {lines} lines {' and '.join(wrong)}: find out what else writes below S3_PREFIX. SecOps has"
        " ingested these lines.",
    )
