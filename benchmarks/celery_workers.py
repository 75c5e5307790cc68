"""How much faster eight accounts are read by four of Celery's workers than by one."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg

from benchmarks.rows import Row, at_least, compared
from duo_pipeline.sandbox.knobs import Fault, Knobs
from tests.cli.test_ui import until
from tests.production.estate import ACCOUNTS, estate

ANSWER_SECONDS = 0.3
SLOW = Knobs(page_size=10, faults=(Fault(kind="stall", seconds=ANSWER_SECONDS, times=10_000),))
WHAT = "8 accounts, Duo answers in 300 ms: one worker, by four"
LONGEST_SECONDS = 600


def rows(folder: Path, say: Callable[[str], None]) -> Iterator[Row]:
    """Run each account's job on one worker, and then on four, each time with a new Redis and PostgreSQL."""
    if not (shutil.which("redis-server") and any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))):
        yield Row(WHAT, "not measured: apt-get install redis-server postgresql", "", "")
        return

    def seconds(workers: int) -> float:
        with estate(folder / f"{workers}-workers", SLOW, workers) as running:
            began = time.perf_counter()
            for account in ACCOUNTS:
                running.run(account, running.hours)

            def have_ended() -> bool:
                return all(run.is_finished for run in running.runs)

            if not until(have_ended, LONGEST_SECONDS):
                raise RuntimeError(f"Runs have not ended on {workers} workers: {running.runs}")
            took = time.perf_counter() - began
            failed = [run.run_id for run in running.runs if run.status is not dg.DagsterRunStatus.SUCCESS]
            if failed or running.lost_and_doubled() != (0, 0):
                raise RuntimeError(f"On {workers} workers, not every record has landed once: {failed}")
            say(f"  {workers} workers: {took:.1f} s, {len(running.asked()):,} requests")
        return took

    yield compared(WHAT, [(seconds(1), seconds(4))], at_least(3))
