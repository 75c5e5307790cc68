"""The Dagster code location."""

import gc
import os
import warnings
from datetime import UTC, datetime

import dagster as dg

from duo_pipeline.config import settings
from duo_pipeline.config.account import UDM_SENSOR, USAGE_SENSOR
from duo_pipeline.config.accounts_file import accounts
from duo_pipeline.defs.alerts.sensor import alerts_sensor
from duo_pipeline.defs.alerts.topic import Topic
from duo_pipeline.defs.executor import by_account
from duo_pipeline.defs.pipeline import pipeline


def _now() -> datetime:
    return datetime.now(UTC)


# Ranges in one run, and checks that know hours, are what this project is about; the versions are pinned.
warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*backfill_policy.*")
warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*allow_nonexistent_upstream.*")
warnings.filterwarnings(
    "ignore", category=dg.PreviewWarning, message=".*partitions_def on an AssetCheckSpec.*"
)

_alerts = settings.alerts(os.environ)
_pipelines = [pipeline(account, os.environ, _now) for account in accounts(os.environ)]

defs = dg.Definitions.merge(
    *(one.definitions for one in _pipelines),
    dg.Definitions(
        sensors=[
            dg.AutomationConditionSensorDefinition(
                UDM_SENSOR,
                target=[one.watched.events for one in _pipelines],
                default_status=dg.DefaultSensorStatus.RUNNING,
                description="Makes the UDM events of each hour whose lines are newer than its events.",
            ),
            dg.AutomationConditionSensorDefinition(
                USAGE_SENSOR,
                target=[one.watched.usage for one in _pipelines],
                default_status=dg.DefaultSensorStatus.RUNNING,
                description="Makes the usage of each day again of which an hour has changed.",
            ),
            alerts_sensor(
                [one.watched for one in _pipelines],
                Topic(_alerts.topic_arn) if _alerts.topic_arn else None,
                _alerts.ui_url,
                _now,
            ),
        ],
        executor=by_account,
    ),
)

# What is imported so far stays for good. If each garbage collection looked at it again, that would take a
# quarter of the time of a run over one hour.
gc.freeze()
