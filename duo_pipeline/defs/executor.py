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

AT_ONCE = 8
"""So many accounts of one run are read side by side; each is a process of 150 MiB."""


class _ByAccount(dg.Executor):
    """In this process for one account: another process would double the time of an hour.

    A backfill over assets of several accounts is one run. There each has a process of its own, so that none
    waits for another that Duo refuses, or falls with one that dies.
    """

    @property
    def retries(self) -> RetryMode:
        return RetryMode.ENABLED

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        accounts = {_account(step) for step in execution_plan.step_keys_to_execute}
        # a worker of Celery's may start no process
        alone = len(accounts) == 1 or multiprocessing.current_process().daemon
        executor = InProcessExecutor(self.retries) if alone else MultiprocessExecutor(self.retries, AT_ONCE)
        return executor.execute(plan_context, execution_plan)


@dg.executor(name="by_account")
def by_account(init_context: dg.InitExecutorContext) -> dg.Executor:  # noqa: ARG001 - Dagster gives it
    """Execute the steps of one account after the other, and accounts side by side."""
    return _ByAccount()


def _account(step_key: str) -> str:
    return step_key.rpartition("__telephony_")[0]
