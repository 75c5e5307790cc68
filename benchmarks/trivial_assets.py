"""A code location with two assets that do nothing: what only Dagster costs for the same hours."""

import os
import warnings

import dagster as dg

from duo_pipeline.config.settings import hours
from duo_pipeline.defs.partitions import hourly

warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*backfill_policy.*")

_partitions = hourly(hours(os.environ).start)


@dg.asset(partitions_def=_partitions, backfill_policy=dg.BackfillPolicy.single_run())
def one() -> None:
    """Do nothing."""


@dg.asset(partitions_def=_partitions, backfill_policy=dg.BackfillPolicy.single_run(), deps=[one])
def two() -> None:
    """Do nothing, after the first."""


defs = dg.Definitions(
    [one, two], jobs=[dg.define_asset_job("trivial", [one, two])], executor=dg.in_process_executor
)
