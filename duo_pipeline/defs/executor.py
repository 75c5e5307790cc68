"""How the steps of a run are executed."""

import multiprocessing
from collections.abc import Iterator

import dagster as dg

from duo_pipeline.defs.internals import (
    ExecutionPlan,
    InProcessExecutor,
    MultiprocessExecutor,
    PlanOrchestrationContext,
    RetryMode,
)

CONCURRENT_ACCOUNTS = 8
"""How many accounts of one run are read side by side. Each has a process of 150 MiB."""


class _ByAccount(dg.Executor):
    """Executes one account in this process, and several accounts in processes of their own.

    For one account, a second process would double the time of a run over one hour. A backfill over assets of
    several accounts is one run, too. In such a run, no account may have to wait for one that Duo refuses, or
    fail because the process of another one dies.
    """

    @property
    def retries(self) -> RetryMode:
        return RetryMode.ENABLED

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        accounts = {_account(execution_plan, step) for step in execution_plan.step_keys_to_execute}
        # a Celery worker is a daemon process, which must not start processes
        if len(accounts) == 1 or multiprocessing.current_process().daemon:
            return InProcessExecutor(self.retries).execute(plan_context, execution_plan)
        return MultiprocessExecutor(self.retries, CONCURRENT_ACCOUNTS).execute(plan_context, execution_plan)


@dg.executor(name="by_account")
def by_account(init_context: dg.InitExecutorContext) -> dg.Executor:  # noqa: ARG001 - Dagster passes it
    """Execute the steps of an account one after the other, and several accounts side by side."""
    return _ByAccount()


def _account(execution_plan: ExecutionPlan, step_key: str) -> str:
    """Return the account of a step: the first part of its asset's key, or its own key if it has no asset."""
    for output in execution_plan.get_step_by_key(step_key).step_outputs:
        check = output.properties.asset_check_key
        if asset := check.asset_key if check else output.properties.asset_key:
            return asset.path[0]
    return step_key
