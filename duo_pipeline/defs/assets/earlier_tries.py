"""What earlier tries of the same run have done, so that a retry does not spend Duo's quota on it again."""

from collections.abc import Collection
from datetime import datetime

import dagster as dg

from duo_pipeline.defs import tags
from duo_pipeline.defs.assets.materializations import Metadata
from duo_pipeline.defs.checks.evaluations import COMPLETE, ever_red
from duo_pipeline.defs.partition_status import recorded
from duo_pipeline.defs.partitions import key_of

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
    in_doubt = ever_red(context.instance, dg.AssetCheckKey(context.asset_key, COMPLETE), tries)
    done: dict[datetime, Metadata] = {}
    for hour, run_id, metadata in recorded(context.instance, context.asset_key, hours):
        if run_id in tries and key_of(hour) not in in_doubt:
            done.setdefault(hour, metadata)
    return done


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
