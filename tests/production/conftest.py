"""Dagster as on one machine, over an emulated Duo and a real S3 server."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs.partitions import HOUR, hours_between, key_of
from duo_pipeline.sandbox.knobs import Fault, Knobs
from duo_pipeline.sandbox.log import GeneratedLog
from duo_pipeline.sandbox.sandbox import Sandbox
from tests.cli.test_ui import until
from tests.production.machine import Machine
from tests.production.postgres import Postgres
from tests.proof.test_daemon import Running, _serves

FOREIGN = ("DUO_", "S3_", "AWS_", "DAGSTER_")
HOURS = 48
SLOW = Knobs(page_size=25, requests_per_minute=50, faults=(Fault(kind="stall", seconds=1, times=10_000),))
"""Duo answers in a second, with few records, and refuses each 51st request of a minute."""


@dataclass
class Production:
    """The machine, and what runs beside it."""

    machine: Machine
    postgres: Postgres
    dagster: Running

    @property
    def hours(self) -> list[datetime]:
        first = self.dagster.hours.start
        return hours_between(first, first + (HOURS - 1) * HOUR)


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    folder = tmp_path_factory.mktemp("production")
    now = datetime.now(UTC)
    first = (now - (HOURS + 4) * HOUR).replace(minute=0, second=0, microsecond=0)
    hours = HourSettings(first, minute_of_tick(now + timedelta(minutes=30)), HOURS + 12, 1, 0)
    log = GeneratedLog(records_per_day=400)
    with Postgres() as postgres, Sandbox(folder / "sandbox", log=log, knobs=SLOW) as sandbox:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)},
            **sandbox.environment,
            **postgres.environment,
            "S3_WORK_PREFIX": "duo-telephony-work/",
            "DUO_PARTITIONS_START": key_of(first),
            "DUO_LOOKBACK_HOURS": str(hours.lookback_hours),
            "DUO_SETTLE_MINUTES": str(hours.settle_minutes),
        }
        machine = Machine(folder / "machine", environment)
        with pytest.MonkeyPatch.context() as patch, machine:
            for name, value in machine.environment.items():
                patch.setenv(name, value)
            assert until(lambda: _serves(machine.url)), machine.log("webserver")
            with dg.DagsterInstance.get() as instance:
                yield Production(machine, postgres, Running(sandbox, instance, machine.url, hours))


def minute_of_tick(moment: datetime) -> int:
    """Return the DUO_SETTLE_MINUTES whose tick comes in that minute."""
    return moment.minute if moment.minute >= 2 else moment.minute + 60
