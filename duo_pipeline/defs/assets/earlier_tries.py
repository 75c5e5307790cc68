"""What earlier tries of the same run have done, so that a retry does not spend Duo's quota on it again."""

from collections.abc import Collection
from datetime import datetime

import dagster as dg

from duo_pipeline.defs import tags
from duo_pipeline.defs.assets.recording import Metadata
from duo_pipeline.defs.checks.evaluations import COMPLETE, ever_red
from duo_pipeline.defs.partitions import hour_of, key_of

_PAGE = 1000
_MOST_TRIES = 20


def done_before(context: dg.AssetExecutionContext, hours: Collection[datetime]) -> dict[datetime, Metadata]:
    """Return the hours that failed earlier tries of this run have recorded, with their metadata.

    A retry after a crash and the UI's "re-execute from failure" run the whole range again. Hours that were in
    doubt are left out: they must be read again. So are the hours of a run that succeeded: somebody who
    re-executes it wants them read again.
    """
    tries = _failed_tries(context)
    if not tries:
        return {}
    asked = dg.AssetRecordsFilter(
        asset_key=context.asset_key, asset_partitions=[key_of(hour) for hour in hours]
    )
    in_doubt = ever_red(context.instance, dg.AssetCheckKey(context.asset_key, COMPLETE), tries)
    done: dict[datetime, Metadata] = {}
    cursor: str | None = None
    while True:
        found = context.instance.fetch_materializations(asked, limit=_PAGE, cursor=cursor, ascending=True)
        for record in found.records:
            key, written = record.partition_key, record.asset_materialization
            if record.run_id in tries and key and key not in in_doubt and written:
                done[hour_of(key)] = written.metadata
        if not found.has_more:
            return done
        cursor = found.cursor


def _failed_tries(context: dg.AssetExecutionContext) -> set[str]:
    """Return the ids of the failed runs that this one retries: its parent, the parent's parent, and so on."""
    tries: set[str] = set()
    parent = context.run.tags.get(tags.PARENT_RUN)
    while parent and len(tries) < _MOST_TRIES:
        run = context.instance.get_run_by_id(parent)
        if run is None or run.status is dg.DagsterRunStatus.SUCCESS:
            break
        tries.add(parent)
        parent = run.tags.get(tags.PARENT_RUN)
    return tries
