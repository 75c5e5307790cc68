"""`duo/telephony_usage`: what telephony costs, day by day, and what looks like abuse."""

from collections.abc import Callable
from datetime import datetime

import dagster as dg

from duo_pipeline.config.account import Account
from duo_pipeline.config.settings import UsageSettings
from duo_pipeline.defs.checks import no_abuse
from duo_pipeline.defs.checks.evaluations import NO_ABUSE, spec_by_partition

_When = dg.AutomationCondition
HOURS_ARE_NEWER = (
    (_When.any_deps_match(_When.newly_updated()) & (~_When.missing() | _When.in_progress())).since(
        _When.newly_requested()
    )
    & ~_When.missing()
    & ~_When.any_deps_in_progress()
    & ~_When.in_progress()
)
"""Requests each day that has usage, however old, and of which an hour has changed since.

The schedule requests the days that have none. An hour that changes while a run makes the usage of its day
counts, too: the run may have read the hour before.
"""


def telephony_usage(
    account: Account,
    ndjson: dg.AssetsDefinition,
    partitions: dg.PartitionsDefinition[str],
    usage_settings: UsageSettings,
    now: Callable[[], datetime],
) -> dg.AssetsDefinition:
    """Make the asset of one Duo account.

    Args:
        account: The account.
        ndjson: The asset with its hours.
        partitions: The days.
        usage_settings: The thresholds of the rules.
        now: The time, in UTC.
    """
    key = dg.AssetKey([account.name, "telephony_usage"])

    @dg.asset(
        key=key,
        description="What telephony costs, day by day, and what looks like toll fraud or MFA abuse"
        " (docs/usage.md). It reads S3, and once a day it asks Duo how many credits are left.",
        deps=[
            dg.AssetDep(
                ndjson,
                partition_mapping=dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True),
            )
        ],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        required_resource_keys={account.feed_resource, account.duo_resource},
        group_name=account.name,
        kinds={"s3", "pandas"},
        automation_condition=HOURS_ARE_NEWER,
        check_specs=[spec_by_partition(NO_ABUSE, no_abuse.DESCRIPTION, key, partitions)],
    )
    def asset(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
        from duo_pipeline.defs.assets.days_run import make_usage  # pandas: 35 MiB that only these runs need

        return make_usage(context, account, ndjson, usage_settings.thresholds, now)

    return asset
