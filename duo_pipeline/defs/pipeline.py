"""What Dagster has of one Duo account: its assets, their checks, jobs, schedules and resources."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

import dagster as dg

from duo_pipeline.config import secops, settings
from duo_pipeline.config.account import Account
from duo_pipeline.defs import tags
from duo_pipeline.defs.alerts.evaluation import WatchedAccount
from duo_pipeline.defs.assets.reconciliation import reconciliation
from duo_pipeline.defs.assets.telephony_ndjson import external_assets, telephony_ndjson
from duo_pipeline.defs.assets.telephony_udm import telephony_udm
from duo_pipeline.defs.assets.telephony_usage import telephony_usage
from duo_pipeline.defs.days import daily
from duo_pipeline.defs.partitions import hourly
from duo_pipeline.defs.resources import resources_of
from duo_pipeline.defs.schedules import ASSET_CHECKS, hourly_schedule, reconcile_schedule, usage_schedule


class Pipeline(NamedTuple):
    """The pipeline of one account.

    Attributes:
        watched: Its assets and its hours, for the alerts.
        definitions: All of it, for Dagster.
    """

    watched: WatchedAccount
    definitions: dg.Definitions


def pipeline(account: Account, environ: Mapping[str, str], now: Callable[[], datetime]) -> Pipeline:
    """Make the pipeline of an account.

    Args:
        account: The account.
        environ: Where the settings of its hours and usage are; the resources read the environment itself.
        now: The time, in UTC.

    Raises:
        SettingsError: A setting of its hours or of its usage is wrong.
    """
    hours = settings.hours(environ, account)
    partitions = hourly(hours.start)
    ndjson = telephony_ndjson(account, partitions, hours.settle_minutes, now)
    udm = telephony_udm(account, partitions)
    thresholds = settings.usage(environ, account)
    usage = telephony_usage(account, ndjson, daily(hours.start), thresholds, now)
    checks = [check.definition(ndjson, hours, now) for check in ASSET_CHECKS]
    of_secops = None
    if secops.is_set(environ):
        from duo_pipeline.defs.secops.definitions import receipts  # only who asks SecOps pays for the import

        of_secops = receipts(account, ndjson, udm, hours, environ, now)
    not_by_hour = [*checks, *([of_secops.parser_check] if of_secops else [])]
    job = dg.define_asset_job(
        account.job,
        dg.AssetSelection.assets(ndjson, udm) - dg.AssetSelection.checks(*not_by_hour),
        tags={tags.ACCOUNT: account.name},
    )
    usage_job = dg.define_asset_job(
        account.usage_job, dg.AssetSelection.assets(usage), tags={tags.ACCOUNT: account.name}
    )
    definitions = dg.Definitions(
        assets=[*external_assets(account.name), ndjson, udm, usage],
        asset_checks=checks,
        jobs=[job, usage_job, reconciliation(account, ndjson.key, hours, now)],
        schedules=[
            hourly_schedule(account, ndjson, hours, now),
            reconcile_schedule(account, hours, now),
            usage_schedule(account, usage, ndjson, hours, now),
        ],
        resources=resources_of(account),
    )
    if of_secops:
        both = dg.Definitions.merge(definitions, of_secops.definitions)
        return Pipeline(WatchedAccount(ndjson, udm, usage, hours, of_secops.events), both)
    return Pipeline(WatchedAccount(ndjson, udm, usage, hours), definitions)
