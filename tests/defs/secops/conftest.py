"""Hours that Dagster lands in the S3 server, and an emulated SecOps that reads them, four hours later."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from duo_pipeline.config.account import DEFAULT_ACCOUNT
from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs.checks.evaluations import RECEIVED
from duo_pipeline.defs.partitions import key_of
from duo_pipeline.defs.resources import resources_of, secops_resource
from duo_pipeline.defs.schedules import run_request
from duo_pipeline.defs.secops.definitions import Receipts, receipts
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.sandbox.log import FixedLog
from duo_pipeline.sandbox.s3 import S3Server
from duo_pipeline.sandbox.secops.api import INSTANCE, LOCATION, PROJECT, SecOpsApi
from duo_pipeline.sandbox.secops.store import S3Store
from duo_pipeline.sandbox.serving import serve
from tests.conftest import ServedDuo
from tests.defs.assets.dagster_run import DagsterRun
from tests.records import settled_hour, spread

EVENTS = dg.AssetKey(["duo", "secops_events"])
LATER = timedelta(hours=4)


@dataclass
class SecOpsRun:
    """Lands hours, and makes their receipts.

    Attributes:
        later: How much later than the machine's clock SecOps and the receipts are.
    """

    dagster: DagsterRun
    duo: ServedDuo
    api: SecOpsApi
    settings: pytest.MonkeyPatch
    later: timedelta = LATER
    environ: dict[str, str] = field(default_factory=dict)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.later

    @property
    def hours(self) -> HourSettings:
        return HourSettings(start=self.dagster.start, lookback_hours=48)

    @property
    def receipts(self) -> Receipts:
        return receipts(
            DEFAULT_ACCOUNT, self.dagster.ndjson, self.dagster.udm, self.hours, self.environ, self.now
        )

    def land(self, count: int, records: int = 20) -> list[datetime]:
        """Land the last settled hours with some records, and return the hours."""
        first, last = settled_hour(count), settled_hour()
        self.duo.api.log = FixedLog(spread(first, records, hours=count))
        assert self.dagster.run(first, last, only=[self.dagster.ndjson]).success
        return [first + timedelta(hours=number) for number in range(count)]

    def run(self, hours: Sequence[datetime]) -> dg.ExecuteInProcessResult:
        """Make the receipts of hours."""
        request = run_request(hours[0], hours[-1])
        return dg.materialize(
            [self.receipts.events],
            resources=resources_of(DEFAULT_ACCOUNT) | secops_resource(DEFAULT_ACCOUNT),
            instance=self.dagster.instance,
            partition_key=request.partition_key,
            tags=request.tags,
            raise_on_error=False,
        )

    def said(self, hour: datetime) -> list[dict[str, Any]]:
        return self.dagster.events(hour, EVENTS)

    def checks(self, result: dg.ExecuteInProcessResult) -> dict[str | None, bool]:
        found = result.get_asset_check_evaluations()
        return {one.partition: one.passed for one in found if one.check_name == RECEIVED}


@pytest.fixture
def secops(
    dagster: DagsterRun, duo: ServedDuo, s3_server: S3Server, bucket: Bucket, settings: pytest.MonkeyPatch
) -> Iterator[SecOpsRun]:
    """An emulated SecOps whose feed reads the bucket."""
    made: SecOpsRun
    api = SecOpsApi(S3Store(s3_server.client()), clock=lambda: made.now())
    made = SecOpsRun(dagster, duo, api, settings)
    api.add_feed(f"s3://{bucket.name}/duo-telephony/", since=datetime.now(UTC) - timedelta(days=1))
    with serve(api) as url:
        made.environ = {
            "SECOPS_PROJECT": PROJECT,
            "SECOPS_LOCATION": LOCATION,
            "SECOPS_INSTANCE": INSTANCE,
            "SECOPS_API_ENDPOINT": url,
        }
        for name, value in made.environ.items():
            settings.setenv(name, value)
        yield made


def ranges(hours: Sequence[datetime]) -> list[str]:
    """Return the keys of hours."""
    return [key_of(hour) for hour in hours]
