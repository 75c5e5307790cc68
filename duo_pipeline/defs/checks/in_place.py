"""`in_place`: every line of the feed lies in its hour, once."""

import dagster as dg

from duo_pipeline.defs.checks.evaluations import IN_PLACE, Verdict
from duo_pipeline.landing.placement import Placement


def spec(asset: dg.AssetKey, partitions: dg.PartitionsDefinition[str]) -> dg.AssetCheckSpec:
    """Every line of the feed lies in its hour, and stands there once."""
    return dg.AssetCheckSpec(
        IN_PLACE,
        asset=asset,
        partitions_def=partitions,
        description="Every line that the feed has for the hour lies in its hour, and stands there once.",
    )


def verdict(placement: Placement, lines: int) -> Verdict:
    """Judge an hour by where its lines lie."""
    doubled = placement.doubled()
    wrong = []
    if placement.astray:
        wrong.append(f"{placement.astray} lines are not of this hour, the first at {placement.astray_at}")
    if doubled:
        wrong.append(f"{doubled} lines stand there once too often")
    if not wrong:
        return Verdict(True, f"Each of {lines} lines lies in its hour, once.")
    return Verdict(
        False,
        f"Of {lines} lines {' and '.join(wrong)}: find out what else writes below S3_PREFIX, for SecOps has"
        " ingested them.",
    )
