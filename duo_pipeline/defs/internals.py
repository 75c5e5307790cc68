"""Every private name of Dagster that this project uses, each with the reason: no public name does the same.

When a new release of Dagster breaks something, it breaks here; `make test-newest` shows it. The classes that
``dagster.yaml`` names (`duo_pipeline.instance`) extend private classes, too.
"""

from collections.abc import Collection, Iterator, Sequence

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.objects import StepFailureData
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.in_process import InProcessExecutor
from dagster._core.executor.multiprocess import MultiprocessExecutor
from dagster._core.scheduler.instigation import InstigatorStatus
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

__all__ = [
    "ExecutionPlan",
    "InProcessExecutor",
    "InstigatorStatus",
    "InstigatorType",
    "MultiprocessExecutor",
    "PlanOrchestrationContext",
    "RetryMode",
    "StepFailureData",
]
# The executors: there is no public base for an executor that chooses between these two for each run.
# Instigators: only a daemon can ask in public whether a schedule is on. StepFailureData: only the type.

CheckStatus = AssetCheckExecutionRecordStatus
"""Whether an evaluation is red, green or planned. The public API has only the latest evaluation."""


def partition_status(
    instance: dg.DagsterInstance, asset: dg.AssetsDefinition
) -> tuple[set[str], set[str], set[str]]:
    """Return the keys of the materialized, the failed and the in-progress partitions, as the UI shows them.

    The public ``instance.get_status_by_partition`` takes 29 s for 4,300 fragmented hours; this takes 0.6 s.
    """
    partitions = asset.partitions_def
    assert partitions is not None  # noqa: S101 - the asset is made with it
    known = get_and_update_asset_status_cache_value(instance, asset.key, partitions)
    if known is None:
        return set(), set(), set()
    return (
        {*known.deserialize_materialized_partition_subsets(partitions).get_partition_keys()},
        {*known.deserialize_failed_partition_subsets(partitions).get_partition_keys()},
        {*known.deserialize_in_progress_partition_subsets(partitions).get_partition_keys()},
    )


def runs_that_did_not_materialize(instance: dg.DagsterInstance, asset: dg.AssetKey) -> dict[str, str]:
    """Return the partitions that their latest run has not materialized, or not yet, with that run's id.

    The public API returns the partitions without the run.
    """
    log = instance.event_log_storage
    attempts = log.get_latest_asset_partition_materialization_attempts_without_materializations(asset)
    return {key: run_id for key, (run_id, _) in attempts.items()}


def evaluations(
    instance: dg.DagsterInstance, key: dg.AssetCheckKey, status: set[CheckStatus], limit: int = 10_000
) -> Sequence[AssetCheckExecutionRecord]:
    """Return the evaluations of a check that have one of these statuses, newest first.

    The public API returns only the latest evaluation of a check.
    """
    return instance.event_log_storage.get_asset_check_execution_history(key, limit=limit, status=status)


def last_was_red(instance: dg.DagsterInstance, key: dg.AssetCheckKey, partition: str) -> bool:
    """Return whether the last evaluation of a partition is red, whatever has been planned since."""
    judged = {CheckStatus.FAILED, CheckStatus.SUCCEEDED}
    found = instance.event_log_storage.get_asset_check_execution_history(
        key, limit=1, status=judged, partition_filter=PartitionKeyFilter(key=partition)
    )
    return bool(found) and found[0].status is CheckStatus.FAILED


def latest_evaluations(
    instance: dg.DagsterInstance, key: dg.AssetCheckKey, partitions: Collection[str]
) -> Iterator[tuple[str, CheckStatus, int]]:
    """Yield each partition with the status and the storage id of its latest evaluation; ids grow with time.

    Checks by partition are new in Dagster 1.13, and no public API reads them yet.
    """
    if partitions:
        infos = instance.event_log_storage.get_asset_check_partition_info(
            [key], partition_keys=sorted(partitions)
        )
        for info in infos:
            if info.partition_key:
                yield info.partition_key, info.latest_execution_status, info.latest_check_event_storage_id


def delete_evaluations(instance: dg.DagsterInstance, run_ids: Collection[str]) -> None:
    """Delete the check evaluations of these runs: Dagster keeps them when it deletes a run."""
    storage = instance.event_log_storage
    if isinstance(storage, SqlEventLogStorage):
        with storage.index_transaction() as connection:
            of_these = AssetCheckExecutionsTable.c.run_id.in_(run_ids)
            connection.execute(AssetCheckExecutionsTable.delete().where(of_these))


def newest_materializations(instance: dg.DagsterInstance, asset: dg.AssetKey) -> dict[str, int]:
    """Return the storage id of the newest materialization of each partition; ids grow with time.

    The public API returns one partition at a time.
    """
    materialized = dg.DagsterEventType.ASSET_MATERIALIZATION
    return dict(instance.event_log_storage.get_latest_storage_id_by_partition(asset, materialized))
