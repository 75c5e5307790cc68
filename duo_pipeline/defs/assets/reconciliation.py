"""The job that reads hours again: to find late records, and to land again what S3 has lost."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import dagster as dg

from duo_pipeline.config import settings
from duo_pipeline.config.account import Account
from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs import tags
from duo_pipeline.defs.assets.harmless_errors import harmless_errors
from duo_pipeline.defs.assets.hours_run import HoursRun, reasons
from duo_pipeline.defs.assets.materializations import Materializations, Metadata
from duo_pipeline.defs.checks.evaluations import COMPLETE, record
from duo_pipeline.defs.partition_status import recorded
from duo_pipeline.defs.partitions import hours_between, key_of, last_settled, why_not_readable
from duo_pipeline.duo.errors import DuoError
from duo_pipeline.landing.bucket import BucketError


def reconciliation(
    account: Account, asset: dg.AssetKey, hours: HourSettings, now: Callable[[], datetime]
) -> dg.JobDefinition:
    """Make the job of one Duo account.

    It reads the newest settled hours with one query and lands what S3 lacks. Only the hours in which
    something has changed are recorded, as materializations of the asset. Most nights nothing has changed, and
    events of each hour would be most of Dagster's database.

    Args:
        account: The account.
        asset: The asset whose hours are read.
        hours: Which hours there are.
        now: The time, in UTC.
    """

    @dg.op(
        name=account.reconcile_op,
        description="Reads settled hours again with one query, and lands what S3 lacks.",
        pool=account.pool,
        config_schema={
            "hours": dg.Field(
                int, default_value=hours.reconcile_hours, description="How many settled hours back it reads."
            )
        },
        required_resource_keys={account.duo_resource, account.feed_resource},
        tags={"kind": "s3"},
    )
    @harmless_errors()
    def read_again(context: dg.OpExecutionContext) -> None:
        time = now()
        wanted = [
            hour
            for hour in last_settled(hours, time, context.op_config["hours"])
            if why_not_readable(hour, time, hours.settle_minutes) is None
        ]
        if not wanted:
            context.log.info("No hour is settled yet.")
            return
        changed = _Changed(context, asset)
        run: HoursRun | None = None
        stopped = ""
        try:
            run = HoursRun(context, account, asset, wanted, changed, now)
            run.land(hours_between(wanted[0], wanted[-1]))
        except (settings.SettingsError, DuoError, BucketError) as error:
            stopped = str(error)
        finally:
            changed.write()
        if run:
            record(context, asset, COMPLETE, run.verdicts, only_news=True)
            stopped = f"{stopped} {reasons(run.problems)}".strip()
        context.log.info(f"{len(changed.done):,} of {len(wanted):,} hours have changed.")
        if stopped:
            raise dg.Failure(stopped, allow_retries=False)

    @dg.job(
        name=account.reconcile_job,
        description="Finds late records: reads the newest hours again each night, and more once a week.",
        tags={tags.ACCOUNT: account.name},
    )
    def job() -> None:
        read_again()

    return job


class _Changed(Materializations):
    """The hours in which something has changed."""

    def __init__(self, context: dg.OpExecutionContext, asset: dg.AssetKey) -> None:
        super().__init__(context, asset)
        self._known = context.instance.get_materialized_partitions(asset)

    def add(self, hour: datetime, metadata: Metadata) -> None:
        """Add an hour that has been read, if something in it has changed."""
        if metadata["new_records"].value or key_of(hour) not in self._known:
            gone = self._gone(hour, metadata)
            if gone:
                self._context.log.warning(
                    f"{gone:,} log objects that an earlier run wrote for {key_of(hour)} are gone from S3."
                    " Their records have landed again, if Duo still shows them, and SecOps may ingest them"
                    " twice: find out what deletes objects below S3_PREFIX."
                )
            super().add(hour, {**metadata, "objects_gone": dg.MetadataValue.int(gone)})

    def _gone(self, hour: datetime, metadata: Metadata) -> int:
        """Return how many of the hour's log objects S3 had when it was recorded last, and lacks now."""
        before = next(recorded(self._context.instance, self._asset, [hour]), None)
        objects: Any = before.metadata["objects"].value if before and "objects" in before.metadata else []
        existing: Any = metadata["objects"].value
        return len({*objects} - {*existing})
