"""`complete`: nothing in Duo's answers gives a reason to doubt the hour."""

import dagster as dg

from duo_pipeline.defs.checks.evaluations import COMPLETE


def spec(asset: dg.AssetKey, partitions: dg.PartitionsDefinition[str]) -> dg.AssetCheckSpec:
    """Return the check's spec for Dagster."""
    return dg.AssetCheckSpec(
        COMPLETE,
        asset=asset,
        partitions_def=partitions,
        description="Duo's answers give no reason to doubt that the hour is complete: Duo showed as many"
        " records as it counts, in order of time, and all of them could land.",
    )
