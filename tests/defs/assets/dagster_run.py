"""The assets, run by Dagster in this process over the settings of the test."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from duo_pipeline.config.account import DEFAULT_ACCOUNT
from duo_pipeline.defs.assets.telephony_ndjson import telephony_ndjson
from duo_pipeline.defs.assets.telephony_udm import telephony_udm
from duo_pipeline.defs.partitions import hourly, key_of
from duo_pipeline.defs.resources import resources_of
from duo_pipeline.defs.schedules import run_request
from tests.records import settled_hour

NDJSON = dg.AssetKey(["duo", "telephony_ndjson"])
UDM = dg.AssetKey(["duo", "telephony_udm"])


@dataclass
class DagsterRun:
    """Runs hours, and reads what Dagster knows about them.

    Attributes:
        now: The time that the assets see; the machine's if none.
        start: The first partition.
    """

    instance: dg.DagsterInstance
    now: datetime | None = None
    start: datetime = field(default_factory=lambda: settled_hour(24 * 200))

    def __post_init__(self) -> None:
        partitions = hourly(self.start)
        self.ndjson = telephony_ndjson(DEFAULT_ACCOUNT, partitions, 5, lambda: self.now or datetime.now(UTC))
        self.udm = telephony_udm(DEFAULT_ACCOUNT, partitions)

    def run(
        self,
        first: datetime,
        last: datetime | None = None,
        only: Sequence[dg.AssetsDefinition] = (),
        parent: str | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Run the hours; with a parent, as its re-execution."""
        request = run_request(first, last or first)
        return dg.materialize(
            list(only) or [self.ndjson, self.udm],
            resources=resources_of(DEFAULT_ACCOUNT),
            instance=self.instance,
            partition_key=request.partition_key,
            tags={
                **request.tags,
                **({"dagster/parent_run_id": parent, "dagster/root_run_id": parent} if parent else {}),
            },
            raise_on_error=False,
        )

    def done(self, asset: dg.AssetKey = NDJSON) -> set[str]:
        return self.instance.get_materialized_partitions(asset)

    def events(self, hour: datetime, asset: dg.AssetKey = NDJSON) -> list[dict[str, Any]]:
        """Return the metadata of each materialization of the hour, newest first."""
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=asset, asset_partitions=[key_of(hour)]), limit=100
        ).records
        found = [record.asset_materialization for record in records]
        return [{name: value.value for name, value in one.metadata.items()} for one in found if one]

    def everything_stored(self, result: dg.ExecuteInProcessResult) -> str:
        """Return everything that Dagster stored about a run, as text."""
        logs = self.instance.all_logs(result.run_id)
        return json.dumps([dg.serialize_value(entry) for entry in logs])


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    """Return the error sentence of the run's first failed step."""
    assert not result.success
    error = result.get_step_failure_events()[0].step_failure_data
    data = error.user_failure_data
    return (data.description if data and data.description else None) or error.error_display_string
