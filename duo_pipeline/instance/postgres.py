"""Dagster's storage in PostgreSQL, with a connection that is kept."""

from collections.abc import Mapping
from typing import Any, Self

from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import create_pg_engine, get_token_provider_from_config, pg_url_from_config

MOST_AT_ONCE = 16
"""Connections of one process while it works; one of them is kept."""


class PostgresStorage(DagsterPostgresStorage):
    """Dagster's own storage connects anew for each event, which takes longer than to write it.

    A connection that the server has closed meanwhile is noticed and made anew. The web server replaces the
    connections by those that Dagster has for it.
    """

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Make it of the settings that Dagster's own takes."""
        url = pg_url_from_config(config_value)
        tokens = get_token_provider_from_config(config_value)
        storage = cls(url, config_value.get("should_autocreate_tables", True), inst_data, tokens)
        engine = create_pg_engine(
            url,
            tokens,
            isolation_level="AUTOCOMMIT",
            pool_size=1,
            max_overflow=MOST_AT_ONCE - 1,
            pool_pre_ping=True,
        )
        for part in (storage._run_storage, storage._event_log_storage, storage._schedule_storage):
            part._engine = engine  # no other way leads there
        return storage
