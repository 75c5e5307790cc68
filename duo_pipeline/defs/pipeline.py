"""What Dagster has of one Duo account: its assets, their checks, jobs, schedules and resources."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import dagster as dg

from duo_pipeline.config import settings
from duo_pipeline.config.account import Account
from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs import tags
from duo_pipeline.defs.assets.external import admin_api_log, secops_feed
from duo_pipeline.defs.assets.reconciliation import reconciliation
from duo_pipeline.defs.assets.telephony_ndjson import telephony_ndjson
from duo_pipeline.defs.assets.telephony_udm import telephony_udm
from duo_pipeline.defs.checks import as_usual, no_hour_left_out
from duo_pipeline.defs.partitions import hourly
from duo_pipeline.defs.resources import resources_of
from duo_pipeline.defs.schedules import telephony_hourly, telephony_reconcile


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The pipeline of one account.

    Attributes:
        ndjson: Its first asset: the hours in S3.
        udm: Its second: what SecOps will show of them.
        hours: Which hours there are.
        definitions: All of it, for Dagster.
    """

    ndjson: dg.AssetsDefinition
    udm: dg.AssetsDefinition
    hours: HourSettings
    definitions: dg.Definitions


def pipeline(account: Account, environ: Mapping[str, str], now: Callable[[], datetime]) -> Pipeline:
    """Make the pipeline of an account.

    Args:
        account: The account.
        environ: Where the settings of its hours are; the resources read the environment itself.
        now: The time, in UTC.

    Raises:
        SettingsError: A setting of its hours is wrong.
    """
    hours = settings.hours(environ, account)
    partitions = hourly(hours.start)
    ndjson = telephony_ndjson(account, partitions, hours.settle_minutes, now)
    udm = telephony_udm(account, partitions)
    left_out = no_hour_left_out.check(
        ndjson, lambda instance: no_hour_left_out.verdict(instance, ndjson, hours, now())
    )
    usual = as_usual.check(ndjson, lambda instance: as_usual.verdict(instance, ndjson, hours, now()))
    job = dg.define_asset_job(
        account.job,
        dg.AssetSelection.assets(ndjson, udm) - dg.AssetSelection.checks(left_out, usual),
        tags={tags.ACCOUNT: account.name},
    )
    definitions = dg.Definitions(
        assets=[admin_api_log(account.name), ndjson, udm, secops_feed(account.name)],
        asset_checks=[left_out, usual],
        jobs=[job, reconciliation(account, ndjson.key, hours, now)],
        schedules=[
            telephony_hourly(account, ndjson, hours, now),
            telephony_reconcile(account, hours, now),
        ],
        resources=resources_of(account),
    )
    return Pipeline(ndjson, udm, hours, definitions)
