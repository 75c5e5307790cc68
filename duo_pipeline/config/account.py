"""A Duo account: the names of its telephony log in Dagster, and where its settings come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

PREFIX = "duo-telephony/"
WORK_PREFIX = "duo-telephony-work/"
ALERTS_SENSOR = "telephony_alerts"
UDM_SENSOR = "telephony_udm_follows"
USAGE_SENSOR = "telephony_usage_follows"
VARIABLES = {
    "ikey": "DUO_IKEY",
    "skey": "DUO_SKEY",
    "host": "DUO_API_HOST",
    "retry_base_seconds": "DUO_RETRY_BASE_SECONDS",
    "retry_attempts": "DUO_RETRY_ATTEMPTS",
    "bucket": "S3_BUCKET",
    "prefix": "S3_PREFIX",
    "work_prefix": "S3_WORK_PREFIX",
    "base_work_prefix": "S3_WORK_PREFIX",
    "record_format": "DUO_RECORD_FORMAT",
    "encryption": "S3_ENCRYPTION",
    "kms_key_id": "S3_KMS_KEY_ID",
    "start": "DUO_PARTITIONS_START",
    "settle_minutes": "DUO_SETTLE_MINUTES",
    "lookback_hours": "DUO_LOOKBACK_HOURS",
    "reconcile_hours": "DUO_RECONCILE_HOURS",
    "reconcile_weekly_hours": "DUO_RECONCILE_WEEKLY_HOURS",
    "thresholds": "DUO_USAGE_THRESHOLDS",
    "topic_arn": "ALERT_SNS_TOPIC_ARN",
    "ui_url": "DAGSTER_UI_URL",
    "project": "SECOPS_PROJECT",
    "location": "SECOPS_LOCATION",
    "instance": "SECOPS_INSTANCE",
    "endpoint": "SECOPS_API_ENDPOINT",
    "wait_minutes": "SECOPS_WAIT_MINUTES",
}
"""The variable of each setting."""


@dataclass(frozen=True, slots=True)
class Account:
    """One Duo account.

    Attributes:
        name: The first part of the keys of its assets.
        suffix: The end of the names of its job, its schedules, its pool and its resources.
        given: The settings that the file of accounts gives.
        variables: The variables that hold its keys, where they are not ``DUO_IKEY`` and ``DUO_SKEY``.
        shares_host: Whether another account has the same host, so that SecOps cannot tell the two apart.
    """

    name: str
    suffix: str
    given: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    shares_host: bool = False

    @property
    def job(self) -> str:
        """The job that reads it."""
        return f"telephony{self.suffix}"

    @property
    def reconcile_job(self) -> str:
        """The job that reads hours again, and the schedule that requests it."""
        return f"telephony_reconcile{self.suffix}"

    @property
    def reconcile_op(self) -> str:
        """The only step of that job."""
        return f"read_again{self.suffix}"

    @property
    def hourly_schedule(self) -> str:
        """The schedule that requests its missing hours."""
        return f"telephony_hourly{self.suffix}"

    @property
    def receipts_job(self) -> str:
        """The job that asks SecOps what it has received, and the schedule that requests it."""
        return f"telephony_receipts{self.suffix}"

    @property
    def secops_resource(self) -> str:
        """The key of the resource that asks SecOps."""
        return f"google_secops{self.suffix}"

    @property
    def usage_job(self) -> str:
        """The job that makes the usage of its days, and the schedule that requests it."""
        return f"telephony_usage{self.suffix}"

    @property
    def pool(self) -> str:
        """The pool of its runs. All of them share one quota at Duo, so only one queued run reads at a time.

        A run that is started from the command line does not wait in the queue.
        """
        return f"duo_admin_api{self.suffix}"

    @property
    def duo_resource(self) -> str:
        """The key of the resource that is Duo's Admin API."""
        return f"duo_admin_api{self.suffix}"

    @property
    def feed_resource(self) -> str:
        """The key of the resource that is the feed."""
        return f"telephony_feed{self.suffix}"

    def variable(self, setting: str) -> str:
        """Return the name of the variable that holds a setting."""
        return self.variables.get(setting) or VARIABLES[setting]

    def texts(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the text of each setting: the file's, or else the environment's; empty if nobody sets it."""
        return {name: environ.get(self.variable(name), "") for name in VARIABLES} | dict(self.given)


DEFAULT_ACCOUNT = Account("duo", "")
"""The account of the environment, where there is no file of accounts."""
