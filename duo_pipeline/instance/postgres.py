"""Dagster's storage in PostgreSQL, with connections that stay open and outlive the server's restart."""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self

from dagster import EventLogEntry
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from dagster_postgres.utils import create_pg_engine, get_token_provider_from_config, pg_url_from_config
from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor, DBAPIModule, Dialect, ExecutionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool.base import _ConnectionFairy

MOST_CONNECTIONS = 16
"""How many connections one process may have while it works; one of them stays open."""
PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = 0.5

logger = logging.getLogger(__name__)


class PostgresStorage(DagsterPostgresStorage):
    """Dagster's storage, without a new connection for each event: to connect takes longer than to write.

    If the server goes away, for a restart or a crash, Dagster's daemon and the runs wait for it, for two
    minutes at least. Dagster's own storage does not: a run would fail, and if the daemon was about to retry
    one, it never would. Dagster gives the web server connections of its own, which do not wait.
    """

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Make the storage from the same settings as Dagster's own."""
        url = pg_url_from_config(config_value)
        tokens = get_token_provider_from_config(config_value)
        storage = cls(url, config_value.get("should_autocreate_tables", True), inst_data, tokens)
        storage._event_log_storage = _EventLogStorage(
            url, should_autocreate_tables=False, token_provider=tokens
        )
        engine = create_pg_engine(
            url,
            tokens,
            isolation_level="AUTOCOMMIT",
            pool_size=1,
            max_overflow=MOST_CONNECTIONS - 1,
            pool_pre_ping=True,
        )
        _wait_for_the_server(engine)
        _send_again_what_was_lost(engine)
        for part in (storage._run_storage, storage._event_log_storage, storage._schedule_storage):
            part._engine = engine  # there is no other way to set it
        return storage


class _EventLogStorage(PostgresEventLogStorage):
    """Dagster's event log, which stores an event again if the server went away in the middle.

    Dagster stores an event on an asset in several statements, some of them in a transaction, which is lost
    with the connection. The event may then be in the log twice, which is harmless.
    """

    def store_event(self, event: EventLogEntry) -> None:
        try:
            super().store_event(event)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            logger.warning(
                "The connection to PostgreSQL was lost, so an event is stored again: %s", error.orig
            )
            super().store_event(event)


def _wait_for_the_server(engine: Engine) -> None:
    """Let the engine wait for a server that is away. It was there when the storage was made."""

    @event.listens_for(engine, "do_connect")
    def connect(
        dialect: Dialect, _record: object, arguments: list[Any], options: dict[str, Any]
    ) -> DBAPIConnection:
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return dialect.connect(*arguments, **options)
            except dialect.loaded_dbapi.OperationalError as error:
                if time.monotonic() > until:
                    raise
                logger.warning("PostgreSQL does not answer, so this process waits for it: %s", error)
                time.sleep(PAUSE_SECONDS)


def _send_again_what_was_lost(engine: Engine) -> None:
    """Let the engine send a statement again if the connection was lost before the answer came.

    Nearly all statements of Dagster are committed one by one (AUTOCOMMIT); one in a transaction is not sent
    again. If the server had executed the statement, it is executed twice. A row with a unique key is then
    refused, with Dagster's own error.
    """

    @event.listens_for(engine, "do_execute")
    def execute(
        cursor: DBAPICursor,
        statement: str,
        parameters: Mapping[str, Any] | Sequence[Any],
        context: ExecutionContext,
    ) -> bool:
        dialect, connection = engine.dialect, context.root_connection
        try:
            dialect.do_execute(cursor, statement, parameters, context)
        except dialect.loaded_dbapi.Error as error:
            if not _can_be_sent_again(error, cursor, context):
                raise
            logger.warning("The connection to PostgreSQL was lost, so a statement is sent again: %s", error)
            connection.invalidate()
            connection.rollback()
            context.cursor = connection.connection.cursor()
            dialect.do_execute(context.cursor, statement, parameters, context)
        return True


def _can_be_sent_again(error: DBAPIModule.Error, cursor: DBAPICursor, context: ExecutionContext) -> bool:
    """Return whether the connection was lost, outside of a transaction, and not while it was being made."""
    connection = context.root_connection.connection
    return (
        isinstance(connection, _ConnectionFairy)
        and bool(connection.autocommit)
        and context.dialect.is_disconnect(error, connection, cursor)
    )
