"""Two assets that do nothing, as a code location: what a run of one hour costs in Dagster alone."""

import dagster as dg

from duo_pipeline.partitions import hour_of, hourly

_partitions = hourly(hour_of("2026-01-01-00:00"))


@dg.asset(partitions_def=_partitions, backfill_policy=dg.BackfillPolicy.single_run())
def one() -> None:
    """Do nothing."""


@dg.asset(partitions_def=_partitions, backfill_policy=dg.BackfillPolicy.single_run(), deps=[one])
def two() -> None:
    """Do nothing, later."""


defs = dg.Definitions([one, two], executor=dg.in_process_executor)
