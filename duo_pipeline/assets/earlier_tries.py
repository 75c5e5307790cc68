"""What earlier tries of the same run have done, so that Duo's quota is not spent on it again."""

from collections.abc import Collection
from datetime import datetime

import dagster as dg
from dagster._core.storage.tags import ROOT_RUN_ID_TAG

from duo_pipeline.assets.recording import Metadata
from duo_pipeline.checks import COMPLETE, ever_red
from duo_pipeline.partitions import hour_of, key_of

_AT_ONCE = 1000


def done_before(context: dg.AssetExecutionContext, hours: Collection[datetime]) -> dict[datetime, Metadata]:
    """Give the hours that the run of which this one is a re-execution has recorded, with their figures.

    Those are left out of which Duo counted more than it showed: they want another reading.
    A retry after a crash and the UI's "re-execute from failure" run the whole range again; somebody who
    materializes hours anew starts a run of its own, which reads them.
    """
    root = context.run.tags.get(ROOT_RUN_ID_TAG)
    if root is None:
        return {}
    tries = {
        root,
        *(run.run_id for run in context.instance.get_runs(dg.RunsFilter(tags={ROOT_RUN_ID_TAG: root}))),
    }
    asked = dg.AssetRecordsFilter(
        asset_key=context.asset_key, asset_partitions=[key_of(hour) for hour in hours]
    )
    incomplete = ever_red(context.instance, dg.AssetCheckKey(context.asset_key, COMPLETE), tries)
    done: dict[datetime, Metadata] = {}
    cursor: str | None = None
    while True:
        found = context.instance.fetch_materializations(asked, limit=_AT_ONCE, cursor=cursor, ascending=True)
        for record in found.records:
            key, written = record.partition_key, record.asset_materialization
            if record.run_id in tries and key and key not in incomplete and written:
                done[hour_of(key)] = written.metadata
        if not found.has_more:
            return done
        cursor = found.cursor
