"""Dagster's storage as deploy/compose/dagster.yaml has it, on a real PostgreSQL."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from tests.production.machine import COMPOSE
from tests.production.postgres import Postgres

pytestmark = pytest.mark.production

EVENTS = 30


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with Postgres() as postgres:
        yield postgres


@pytest.fixture
def instance(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    for name, value in {**postgres.environment, "S3_BUCKET": "b", "S3_WORK_PREFIX": "w/"}.items():
        monkeypatch.setenv(name, value)
    shutil.copy(COMPOSE / "dagster.yaml", tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


def write(instance: dg.DagsterInstance, count: int = EVENTS) -> None:
    for number in range(count):
        instance.report_runless_asset_event(dg.AssetMaterialization("asset", partition=str(number)))


def test_events_are_written_over_a_connection_that_is_kept(
    instance: dg.DagsterInstance, postgres: Postgres
) -> None:
    write(instance, 1)
    before = postgres.connections_made()
    write(instance)
    assert postgres.connections_made() - before < EVENTS / 10


def test_after_the_server_has_been_away_it_connects_anew(
    instance: dg.DagsterInstance, postgres: Postgres
) -> None:
    write(instance)
    postgres.kill()
    postgres.start()
    write(instance)
    assert len(instance.get_materialized_partitions(dg.AssetKey("asset"))) == EVENTS
