"""Dagster's storage in PostgreSQL, with a connection that stays open."""

from collections.abc import Mapping
from typing import Any, Self

from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import create_pg_engine, get_token_provider_from_config, pg_url_from_config

MOST_CONNECTIONS = 16
"""How many connections one process may have while it works; one of them stays open."""


class PostgresStorage(DagsterPostgresStorage):
    """Dagster's storage, without a new connection for each event: to connect takes longer than to write.

    If the server has closed the connection in the meantime, a new one is made. Dagster gives the web server
    connections of its own.
    """

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Make the storage from the same settings as Dagster's own."""
        url = pg_url_from_config(config_value)
        tokens = get_token_provider_from_config(config_value)
        storage = cls(url, config_value.get("should_autocreate_tables", True), inst_data, tokens)
        engine = create_pg_engine(
            url,
            tokens,
            isolation_level="AUTOCOMMIT",
            pool_size=1,
            max_overflow=MOST_CONNECTIONS - 1,
            pool_pre_ping=True,
        )
        for part in (storage._run_storage, storage._event_log_storage, storage._schedule_storage):
            part._engine = engine  # there is no other way to set it
        return storage
