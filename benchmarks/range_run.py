"""A job over a range of hours, run in this process: python -m benchmarks.range_run MODULE JOB FIRST LAST.

Prints JSON: how long the run took, how many records its hours have, and where the time went, by the
timestamps of Dagster's events.
"""

import importlib
import json
import sys
import time
from collections.abc import Iterable
from datetime import datetime

import dagster as dg
from dagster._core.events import DagsterEventType

from duo_pipeline.defs.partitions import hour_of
from duo_pipeline.defs.schedules import run_request

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def main() -> None:
    module, job, first, last = sys.argv[1:]
    defs = importlib.import_module(module).defs
    json.dump(_run(defs, job, hour_of(first), hour_of(last)), sys.stdout)


def _run(defs: dg.Definitions, job: str, first: datetime, last: datetime) -> dict[str, float]:
    request = run_request(first, last)
    definition = defs.resolve_job_def(job)
    with dg.DagsterInstance.get() as instance:
        began, clock = time.time(), time.perf_counter()
        result = definition.execute_in_process(run_config=QUIET, instance=instance, tags=request.tags)
        seconds = time.perf_counter() - clock
        records = sum(
            int(value.value)
            for event in result.get_asset_materialization_events()
            if isinstance(value := event.materialization.metadata.get("records"), dg.IntMetadataValue)
            and value.value is not None
        )
        parts = _parts(instance.all_logs(result.run_id), began)
    return {"seconds": seconds, "records": records, **parts}


def _parts(entries: Iterable[dg.EventLogEntry], began: float) -> dict[str, float]:
    """Return the seconds until the first step, of each step's own work, and of the events of its hours.

    A step's first output comes when its work is done, and Dagster writes the events after it.
    """
    parts: dict[str, float] = {}
    before = began
    for entry in entries:
        if entry.dagster_event is None:
            continue
        match entry.dagster_event.event_type:
            case DagsterEventType.STEP_START:
                name = "start, planned events" if before == began else f"before {entry.step_key}"
            case DagsterEventType.STEP_OUTPUT if str(entry.step_key) not in parts:
                name = str(entry.step_key)
            case DagsterEventType.STEP_SUCCESS:
                name = f"events of {entry.step_key}"
            case _:
                continue
        parts[name] = entry.timestamp - before
        before = entry.timestamp
    return parts


if __name__ == "__main__":
    main()
