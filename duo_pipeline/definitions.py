"""The Dagster code location."""

import gc
import os
import warnings
from datetime import UTC, datetime

import dagster as dg

from duo_pipeline.config import settings
from duo_pipeline.config.accounts_file import accounts
from duo_pipeline.defs.alerts.evaluation import Watched
from duo_pipeline.defs.alerts.sensor import telephony_alerts
from duo_pipeline.defs.alerts.topic import Topic
from duo_pipeline.defs.executor import by_account
from duo_pipeline.defs.pipeline import pipeline


def _now() -> datetime:
    return datetime.now(UTC)


# Ranges in one run, and checks that know hours, are what this project is about; the versions are pinned.
warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*backfill_policy.*")
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
                "telephony_udm_follows",
                target=[one.udm for one in _pipelines],
                default_status=dg.DefaultSensorStatus.RUNNING,
                description="Makes the UDM events of each hour whose lines are newer than its events.",
            ),
            telephony_alerts(
                [Watched((one.ndjson, one.udm), one.hours) for one in _pipelines],
                Topic(_alerts.topic_arn) if _alerts.topic_arn else None,
                _alerts.ui_url,
                _now,
            ),
        ],
        executor=by_account,
    ),
)

# All that is imported stays. Else each collection walks it again, which is a quarter of a run of one hour.
gc.freeze()
