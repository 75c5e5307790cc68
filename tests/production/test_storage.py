"""Dagster's storage as deploy/compose/dagster.yaml has it, on a real PostgreSQL."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage

from tests.cli.test_ui import until
from tests.production.machine import COMPOSE
from tests.production.postgres import Postgres

pytestmark = pytest.mark.production

EVENTS = 30
VERSION = {"dagster/data_version": "7"}


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


def test_a_statement_that_was_under_way_when_the_server_went_away_gets_its_answer(
    instance: dg.DagsterInstance, postgres: Postgres
) -> None:
    """The lock is another session's, and ends with the server: the statement waits until it is sent again."""
    lock = sqlalchemy.text("select pg_advisory_lock(1)")
    storage = instance.run_storage
    assert isinstance(storage, SqlRunStorage)

    def ask() -> int:
        with storage.connect() as connection:
            connection.execute(lock)
            return int(connection.execute(sqlalchemy.text("select 42")).scalar_one())

    with closing(postgres.connect()) as other, ThreadPoolExecutor() as pool:
        other.cursor().execute(str(lock))
        answer = pool.submit(ask)
        assert until(lambda: postgres.ask("select count(*) from pg_locks where not granted") == 1)
        postgres.kill()
        postgres.start()
        assert answer.result(60) == 42


def test_an_event_whose_transaction_was_cut_short_is_stored_whole(
    instance: dg.DagsterInstance, postgres: Postgres
) -> None:
    """Its tags are written, and its asset is locked by another session, when the server goes away."""
    write(instance, 1)
    event = dg.AssetMaterialization("asset", partition="new", tags=VERSION)
    with closing(postgres.connect()) as other, ThreadPoolExecutor() as pool:
        other.cursor().execute("lock table asset_keys")
        stored = pool.submit(instance.report_runless_asset_event, event)
        assert until(lambda: postgres.ask("select count(*) from pg_locks where not granted") == 1)
        postgres.kill()
        postgres.start()
        stored.result(60)
    assert "new" in instance.get_materialized_partitions(event.asset_key)
    (tags,) = instance.event_log_storage.get_event_tags_for_asset(event.asset_key, VERSION)
    assert tags == VERSION


def test_it_waits_for_a_server_that_was_there(
    instance: dg.DagsterInstance, postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    write(instance, 1)
    postgres.kill()
    with ThreadPoolExecutor() as pool:
        written = pool.submit(write, instance)
        assert until(lambda: "this process waits for it" in caplog.text)
        postgres.start()
        written.result(60)
    assert len(instance.get_materialized_partitions(dg.AssetKey("asset"))) == EVENTS
