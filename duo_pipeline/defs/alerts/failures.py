"""The failed runs: which of their hours are not done, and why."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import dagster as dg

from duo_pipeline.defs import tags
from duo_pipeline.defs.checks.evaluations import COMPLETE, ever_red
from duo_pipeline.defs.dead_runs import may_be_for
from duo_pipeline.defs.internals import StepFailureData
from duo_pipeline.defs.partition_status import missing, runs_that_did_not_record
from duo_pipeline.defs.partitions import hour_of

_PAGE = 100


class Failure(NamedTuple):
    """A failed run.

    Attributes:
        run_id: The run.
        asset: The asset that failed.
        hours: Its hours that are neither done nor under way again.
        reason: Why it failed, as a sentence.
    """

    run_id: str
    asset: dg.AssetsDefinition
    hours: list[datetime]
    reason: str


def latest(instance: dg.DagsterInstance) -> int:
    """Return the storage id of the latest failure of a run, or 0."""
    found = instance.fetch_run_status_changes(dg.DagsterEventType.RUN_FAILURE, limit=1).records
    return found[0].storage_id if found else 0


def after(
    instance: dg.DagsterInstance, assets: Sequence[dg.AssetsDefinition], storage_id: int
) -> Iterator[tuple[int, Failure | None]]:
    """Yield the failures of runs, oldest first, each with its storage id.

    The failure is None if Dagster retries the run, or if the run leaves no hour undone.

    Args:
        instance: The Dagster instance.
        assets: The assets of all accounts, upstream first.
        storage_id: Only failures after this one are read.
    """
    asked = dg.RunStatusChangeRecordsFilter(dg.DagsterEventType.RUN_FAILURE, after_storage_id=storage_id)
    for record in instance.fetch_run_status_changes(asked, limit=_PAGE, ascending=True).records:
        yield (
            record.storage_id,
            _failure(instance, assets, record.run_id, record.event_log_entry.message),
        )


def _failure(
    instance: dg.DagsterInstance, assets: Sequence[dg.AssetsDefinition], run_id: str, said: str
) -> Failure | None:
    run = instance.get_run_by_id(run_id)
    if run is None or run.tags.get(tags.WILL_RETRY) == "true":
        return None
    for asset in (one for one in assets if may_be_for(run, one)):
        unrecorded = runs_that_did_not_record(instance, asset)
        hours = {hour for hour, latest_run in unrecorded.items() if latest_run == run_id}
        red = ever_red(instance, dg.AssetCheckKey(asset.key, COMPLETE), {run_id})
        hours.update(missing(instance, asset, [hour_of(key) for key in red if key]))
        if hours:  # downstream assets may have failed only because this one did
            steps = _failed_steps(instance, run_id)
            # a reconciliation reads the asset's hours in a step with another name
            failed = steps.get(asset.key.to_python_identifier()) or next(iter(steps.values()), None)
            reason = _reason(failed) if failed else said
            return Failure(run_id, asset, sorted(hours), reason)
    return None


def _failed_steps(instance: dg.DagsterInstance, run_id: str) -> dict[str | None, StepFailureData]:
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
    events = (record.event_log_entry.dagster_event for record in records)
    return {event.step_key: event.step_failure_data for event in events if event}


def _reason(failure: StepFailureData) -> str:
    """Return the sentence of the failure. The text of any other exception could contain a phone number."""
    data = failure.user_failure_data
    if data is not None and data.description:
        return data.description
    error = failure.error.cause if failure.error and failure.error.cause else failure.error
    name = error.cls_name if error else "unknown"
    return f"Unexpected error in duo-pipeline ({name}): look at the run's log, and open an issue."
