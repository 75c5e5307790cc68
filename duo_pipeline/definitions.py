"""The Dagster code location."""

import gc
import os
import warnings
from datetime import UTC, datetime

import dagster as dg
from dagster_aws.s3 import S3Resource

from duo_pipeline import checks, settings, watch
from duo_pipeline.alerts.sensor import telephony_alerts
from duo_pipeline.alerts.topic import Topic
from duo_pipeline.assets.external import admin_api_log, secops_feed
from duo_pipeline.assets.telephony_ndjson import telephony_ndjson
from duo_pipeline.assets.telephony_udm import telephony_udm
from duo_pipeline.partitions import hourly
from duo_pipeline.resources import DuoAdminApi, TelephonyFeed
from duo_pipeline.schedules import telephony_hourly, telephony_reconcile

ACCOUNT = "duo"


def _now() -> datetime:
    return datetime.now(UTC)


# Ranges in one run, and checks that know hours, are what this project is about; the versions are pinned.
warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*backfill_policy.*")
warnings.filterwarnings(
    "ignore", category=dg.PreviewWarning, message=".*partitions_def on an AssetCheckSpec.*"
)

_hours = settings.hours(os.environ)
_alerts = settings.alerts(os.environ)
_partitions = hourly(_hours.start)
_ndjson = telephony_ndjson(ACCOUNT, _partitions, _hours.settle_minutes, _now)
_udm = telephony_udm(ACCOUNT, _partitions)
_left_out = checks.left_out(_ndjson, lambda instance: watch.left_out(instance, _ndjson, _hours, _now()))
_job = dg.define_asset_job(
    "telephony", dg.AssetSelection.assets(_ndjson, _udm) - dg.AssetSelection.checks(_left_out)
)

defs = dg.Definitions(
    assets=[admin_api_log(ACCOUNT), _ndjson, _udm, secops_feed(ACCOUNT)],
    asset_checks=[_left_out],
    jobs=[_job],
    schedules=[
        telephony_hourly(_job.name, _ndjson, _hours, _now),
        telephony_reconcile(_job.name, _hours, _now),
    ],
    sensors=[
        dg.AutomationConditionSensorDefinition(
            "telephony_udm_follows",
            target=[_udm],
            default_status=dg.DefaultSensorStatus.RUNNING,
            description="Makes the UDM events of hours that have landed without them.",
        ),
        telephony_alerts(
            [_ndjson, _udm],
            _hours,
            Topic(_alerts.topic_arn) if _alerts.topic_arn else None,
            _alerts.ui_url,
            _now,
        ),
    ],
    resources={
        "duo_admin_api": DuoAdminApi(),
        "telephony_feed": TelephonyFeed(s3=S3Resource()),
    },
    # a process of its own for each step would double the time of an hour
    executor=dg.in_process_executor,
)

# All that is imported stays. Else each collection walks it again, which is a quarter of a run of one hour.
gc.freeze()
