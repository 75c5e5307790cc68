"""Hours read again without changes, in this process: python -m benchmarks.reconciliation JOB HOURS.

Prints JSON: the seconds of the run, the number of its events, and how many MiB Dagster's database has grown.
"""

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from benchmarks.range_run import QUIET
from duo_pipeline.config.settings import hours as hour_settings
from duo_pipeline.definitions import defs
from duo_pipeline.defs.partitions import last_settled
from duo_pipeline.defs.schedules import run_request


def main() -> None:
    """Run the reconciliation's job, or the job that materializes each hour anew."""
    job, count = sys.argv[1], int(sys.argv[2])
    settled = last_settled(hour_settings(os.environ), datetime.now(UTC), count)
    reread = {"ops": {"read_again": {"config": {"hours": count}}}} if job == "telephony_reconcile" else {}
    tags = {} if reread else run_request(settled[0], settled[-1]).tags
    with dg.DagsterInstance.get() as instance:
        before, clock = _bytes(), time.perf_counter()
        result = defs.resolve_job_def(job).execute_in_process(
            run_config={**QUIET, **reread}, instance=instance, tags=tags
        )
        seconds = time.perf_counter() - clock
        events = len(instance.all_logs(result.run_id))
    json.dump({"seconds": seconds, "events": events, "mib": (_bytes() - before) / 2**20}, sys.stdout)


def _bytes() -> int:
    home = Path(os.environ["DAGSTER_HOME"])
    return sum(file.stat().st_size for file in home.rglob("*.db*"))


if __name__ == "__main__":
    main()
