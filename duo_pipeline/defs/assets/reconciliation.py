"""The job that reads hours again: for what Duo shows late, and for what S3 has lost."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import dagster as dg

from duo_pipeline.config import settings
from duo_pipeline.config.account import Account
from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs import tags
from duo_pipeline.defs.assets.hours_run import HoursRun, reasons
from duo_pipeline.defs.assets.recording import Metadata
from duo_pipeline.defs.checks import evaluations as checks
from duo_pipeline.defs.checks.evaluations import Verdict
from duo_pipeline.defs.partitions import hours_between, key_of, last_settled, refusal
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
        required_resource_keys=set(account.resources),
        tags={"kind": "s3"},
    )
    def read_again(context: dg.OpExecutionContext) -> None:
        time = now()
        wanted = [
            hour
            for hour in last_settled(hours, time, context.op_config["hours"])
            if refusal(hour, time, hours.settle_minutes) is None
        ]
        if not wanted:
            context.log.info("No hour is settled yet.")
            return
        changes = _Changes(context, asset)
        run: HoursRun | None = None
        stopped = ""
        try:
            in_doubt = checks.red(context.instance, dg.AssetCheckKey(asset, checks.COMPLETE), wanted)
            api, feed = (getattr(context.resources, key) for key in account.resources)
            run = HoursRun(account, context.log, changes, changes.known, in_doubt, api, feed, now)
            run.land(hours_between(wanted[0], wanted[-1]))
        except (settings.SettingsError, DuoError, BucketError) as error:
            stopped = str(error)
        finally:
            changes.write()
        if run:
            checks.record(context, asset, checks.COMPLETE, run.verdicts, only_news=True)
            stopped = f"{stopped} {reasons(run.problems)}".strip()
        context.log.info(f"{len(changes.changed):,} of {len(wanted):,} hours have changed.")
        if stopped:
            raise dg.Failure(stopped, allow_retries=False)

    @dg.job(
        name=account.reconcile_job,
        description="Reads hours again, each night and further back once a week, for what Duo showed late.",
        tags={tags.ACCOUNT: account.name},
    )
    def job() -> None:
        read_again()

    return job


class _Changes:
    """The hours in which something has changed, on their way to Dagster.

    Args:
        context: The op's context.
        asset: The asset.

    Attributes:
        known: The partition keys of the hours that are done.
        changed: The hours in which something has changed.
    """

    def __init__(self, context: dg.OpExecutionContext, asset: dg.AssetKey) -> None:
        self.known = context.instance.get_materialized_partitions(asset)
        self.changed: set[datetime] = set()
        self._context = context
        self._asset = asset
        self._waiting: dict[datetime, Metadata] = {}

    def add(self, hour: datetime, figures: Metadata) -> None:
        """Take an hour that has been read."""
        if figures["new_records"].value or key_of(hour) not in self.known:
            self.changed.add(hour)
            self._waiting[hour] = figures

    def take_back(self, verdicts: Mapping[datetime, Verdict]) -> None:
        """Take back hours that are red: what has landed of them is recorded when they are read again."""
        for hour in verdicts:
            self._waiting.pop(hour, None)

    def write_if_due(self) -> None:
        """Leave the writing to the end, or to the next wait."""

    def write(self) -> None:
        """Record the hours as materializations."""
        for hour, figures in self._waiting.items():
            gone = self._gone(hour, figures)
            if gone:
                self._context.log.warning(
                    f"{gone:,} log objects that an earlier run wrote for {key_of(hour)} are gone from S3."
                    " What Duo still shows of them has landed again, and SecOps may ingest it twice: find out"
                    " what deletes below S3_PREFIX."
                )
            self._context.log_event(
                dg.AssetMaterialization(
                    self._asset,
                    partition=key_of(hour),
                    metadata={**figures, "objects_gone": dg.MetadataValue.int(gone)},
                )
            )
        self._waiting.clear()

    def _gone(self, hour: datetime, figures: Metadata) -> int:
        """Return how many of the hour's log objects S3 had when it was recorded last, and lacks now."""
        if key_of(hour) not in self.known:
            return 0
        asked = dg.AssetRecordsFilter(self._asset, asset_partitions=[key_of(hour)])
        found = self._context.instance.fetch_materializations(asked, limit=1).records
        before = found[0].asset_materialization if found else None
        recorded: Any = before.metadata["objects"].value if before and "objects" in before.metadata else []
        existing: Any = figures["objects"].value
        return len({*recorded} - {*existing})
