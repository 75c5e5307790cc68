"""Runs as Celery's tasks, for workers on many machines (deploy/celery/): what dagster-celery leaves out."""

from datetime import timedelta

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._time import get_current_timestamp
from dagster_celery import launcher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

SILENCE = timedelta(minutes=20)
"""A run writes at least a line for each page, wait and twenty seconds of work; Duo may say 15 to wait."""
REPLY_SECONDS = 5


class CeleryRunLauncher(launcher.CeleryRunLauncher):
    """dagster-celery's launcher, which also sees that a worker has died, and says that a run is cancelled.

    To Celery a task whose worker was killed is at work for ever, and so would its run be, and its place in
    the pool taken. A run that is interrupted without Dagster's knowing why counts as failed.
    """

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Say for run monitoring whether a worker is at the run.

        Who is at it is in the queue; when the queue has lost that, or the worker gives no answer since it has
        not found its way back to a queue that was down, the run's own silence decides.

        Raises:
            redis.exceptions.ConnectionError: The queue cannot be reached, so nobody knows; monitoring goes on
                to the next run.
        """
        task = self.celery.backend.get_task_meta(run.tags[DAGSTER_CELERY_TASK_ID_TAG])
        match task["status"], task["result"]:
            case "SUCCESS" | "FAILURE" | "REVOKED", _:
                return CheckRunHealthResult(WorkerStatus.FAILED, "The run's task has ended without its word.")
            case "STARTED", {"hostname": worker}:
                inspect = self.celery.control.inspect(destination=[worker], timeout=REPLY_SECONDS)
                answers = inspect.active()
                if answers and all(one["id"] != task["task_id"] for one in answers[worker]):
                    return CheckRunHealthResult(WorkerStatus.FAILED, f"{worker} has not the run any more.")
                if answers:
                    return CheckRunHealthResult(WorkerStatus.RUNNING)
        if self._is_silent(run):
            return CheckRunHealthResult(WorkerStatus.FAILED, "Neither the run nor its worker says anything.")
        return CheckRunHealthResult(WorkerStatus.RUNNING)

    def terminate(self, run_id: str) -> bool:
        """Interrupt the run: it records what it has done, and ends as cancelled."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        return super().terminate(run_id)

    def _is_silent(self, run: dg.DagsterRun) -> bool:
        (newest,) = self._instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
        return get_current_timestamp() - newest.event_log_entry.timestamp > SILENCE.total_seconds()
