"""Eight accounts on Celery's workers, as deploy/celery/ has them, on a real Redis and a real PostgreSQL."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs.partitions import HOUR, hours_between, key_of
from duo_pipeline.defs.schedules import run_request
from duo_pipeline.sandbox.knobs import Knobs
from duo_pipeline.sandbox.sandbox import Sandbox
from tests.cli.test_ui import until
from tests.production.conftest import FOREIGN, minute_of_tick
from tests.production.machine import Machine
from tests.production.postgres import Postgres
from tests.production.redis import Redis
from tests.proof.test_daemon import Running, _serves

ACCOUNTS = ("acme", "globex", "hooli", "initech", "massive", "soylent", "umbrella", "wayne")
ASSETS = ("telephony_ndjson", "telephony_udm")
HOURS = 6
SATURDAY = 5
LOCATION = {"repositoryName": "__repository__", "repositoryLocationName": "duo_pipeline.definitions"}


@dataclass
class Estate:
    """The accounts, and the processes that read them."""

    machine: Machine
    postgres: Postgres
    redis: Redis
    dagster: Running

    @property
    def hours(self) -> list[datetime]:
        first = self.dagster.hours.start
        return hours_between(first, first + (HOURS - 1) * HOUR)

    @property
    def runs(self) -> list[dg.DagsterRun]:
        """All runs, the oldest first."""
        return [*reversed(self.dagster.instance.get_runs())]

    def story(self) -> str:
        """Return the runs that have not succeeded, each with its tags and its newest events."""
        lines = []
        for run in self.runs:
            if run.status is not dg.DagsterRunStatus.SUCCESS:
                lines.append(f"{run.run_id} {run.status} {run.tags}")
                found = self.dagster.instance.get_records_for_run(run.run_id, limit=8, ascending=False)
                for event in (record.event_log_entry for record in reversed(found.records)):
                    said = event.dagster_event.message if event.dagster_event else event.user_message
                    lines.append(f"  {datetime.fromtimestamp(event.timestamp, UTC):%T} {said}")
        return "\n".join(lines)

    def backfill(self, hours: list[datetime]) -> None:
        """Request the hours of each account, as the UI's dialog does."""
        for account in ACCOUNTS:
            params = {
                "assetSelection": [{"path": [account, asset]} for asset in ASSETS],
                "partitionNames": [key_of(hour) for hour in hours],
            }
            self.dagster.mutate(
                "launchPartitionBackfill(backfillParams: $params)", "LaunchBackfillParams!", params
            )

    def run(self, account: str, hours: list[datetime]) -> None:
        """Request a run of the account's job."""
        tags = run_request(hours[0], hours[-1]).tags
        params = {
            "selector": {**LOCATION, "jobName": f"telephony_{account}"},
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
        }
        self.dagster.mutate("launchRun(executionParams: $params)", "ExecutionParams!", params)

    def asked(self, accounts: Sequence[str] = ACCOUNTS) -> list[datetime]:
        """The times of all requests to the accounts' Duos."""
        apis = self.dagster.sandbox.accounts.apis
        return [request.at for account in accounts for request in apis[account].requests]

    def done(self) -> bool:
        keys = [dg.AssetKey([account, asset]) for account in ACCOUNTS for asset in ASSETS]
        return all(self.dagster.done(self.hours, key) for key in keys)

    def lost_and_doubled(self) -> tuple[int, int]:
        """Return how many of the Duos' records the feeds lack, and how many lines are duplicates."""
        lost: Counter[str] = Counter()
        doubled: Counter[str] = Counter()
        for account, url in self.dagster.sandbox.accounts.urls.items():
            shown = self.dagster.duo_ids(self.hours, url)
            assert shown.total() > 0
            landed = self.dagster.feed_ids(self.hours, f"duo-telephony/{account}/")
            lost += shown - landed
            doubled += landed - shown
        return lost.total(), doubled.total()


@contextmanager
def estate(folder: Path, knobs: Knobs, workers: int) -> Iterator[Estate]:
    """Run everything while the context lasts, with this many workers that take one run at a time."""
    now = datetime.now(UTC)
    hours = HourSettings(busy_hour(now), minute_of_tick(now + timedelta(minutes=30)), 1, 1, 0)
    with (
        Postgres() as postgres,
        Redis() as redis,
        Sandbox(folder / "sandbox", knobs=knobs, account_names=ACCOUNTS) as sandbox,
    ):
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)},
            **sandbox.environment,
            **postgres.environment,
            **redis.environment,
            "S3_WORK_PREFIX": "duo-telephony-work/",
            "DUO_PARTITIONS_START": key_of(hours.start),
            "DUO_LOOKBACK_HOURS": str(hours.lookback_hours),
            "DUO_SETTLE_MINUTES": str(hours.settle_minutes),
        }
        machine = Machine(folder / "machine", environment, workers)
        with pytest.MonkeyPatch.context() as patch, machine:
            for name, value in machine.environment.items():
                patch.setenv(name, value)
            assert until(lambda: _serves(machine.url)), machine.log("webserver")
            with dg.DagsterInstance.get() as instance:
                yield Estate(machine, postgres, redis, Running(sandbox, instance, machine.url, hours))


def busy_hour(now: datetime) -> datetime:
    """Return the hour at which people began to work on the last working day that is over."""
    hour = now.replace(hour=7, minute=0, second=0, microsecond=0) - timedelta(days=1)
    while hour.weekday() >= SATURDAY:
        hour -= timedelta(days=1)
    return hour
