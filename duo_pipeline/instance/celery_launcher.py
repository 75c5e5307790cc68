"""Runs as Celery tasks, for workers on many machines (deploy/celery/): what dagster-celery leaves out."""

from datetime import timedelta

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._time import get_current_timestamp
from dagster_celery import launcher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

SILENCE = timedelta(minutes=20)
"""A live run writes a line for each page, wait and 20 seconds of work; Duo may ask it to wait 15 minutes."""
REPLY_SECONDS = 5


class CeleryRunLauncher(launcher.CeleryRunLauncher):
    """dagster-celery's launcher, which also notices a dead worker, and lets a cancelled run end as cancelled.

    If a worker is killed, Celery believes forever that its task is running. The run would stay STARTED, and
    keep its place in the pool. And if Dagster is not told that a run is being cancelled, the run would count
    as failed, not as cancelled.
    """

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Return, for run monitoring, whether a worker is working on the run.

        The queue knows which worker it is. If the queue has lost that, or if the worker does not answer (it
        may not have reconnected to a queue that was down), the run is dead when it has been silent for long.

        Raises:
            redis.exceptions.ConnectionError: The queue cannot be reached, so the answer is unknown;
                monitoring goes on to the next run.
        """
        task = self.celery.backend.get_task_meta(run.tags[DAGSTER_CELERY_TASK_ID_TAG])
        match task["status"], task["result"]:
            case "SUCCESS" | "FAILURE" | "REVOKED", _:
                return _dead("The Celery task has ended, but the run has not.")
            case "STARTED", {"hostname": worker}:
                inspect = self.celery.control.inspect(destination=[worker], timeout=REPLY_SECONDS)
                answers = inspect.active()
                if answers and all(one["id"] != task["task_id"] for one in answers[worker]):
                    return _dead(f"The worker {worker} no longer has the run.")
                if answers:
                    return CheckRunHealthResult(WorkerStatus.RUNNING)
        if self._is_silent(run):
            return _dead("Neither the run nor its worker has reported anything for 20 minutes.")
        return CheckRunHealthResult(WorkerStatus.RUNNING)

    def terminate(self, run_id: str) -> bool:
        """Interrupt the run, which then records what it has done and ends as cancelled."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        return super().terminate(run_id)

    def _is_silent(self, run: dg.DagsterRun) -> bool:
        (newest,) = self._instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
        return get_current_timestamp() - newest.event_log_entry.timestamp > SILENCE.total_seconds()


def _dead(why: str) -> CheckRunHealthResult:
    return CheckRunHealthResult(WorkerStatus.FAILED, why)
