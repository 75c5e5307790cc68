"""Run Duo, S3 and SecOps on one machine, with the settings that point the pipeline to them."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from duo_pipeline.sandbox.accounts import Accounts
from duo_pipeline.sandbox.admin_api import AdminApi
from duo_pipeline.sandbox.knobs import Knobs
from duo_pipeline.sandbox.log import PREFIX, GeneratedLog, Log
from duo_pipeline.sandbox.s3 import REGION, S3Server
from duo_pipeline.sandbox.secops.api import INSTANCE, LOCATION, PROJECT, SecOpsApi
from duo_pipeline.sandbox.secops.knobs import Knobs as SecOpsKnobs
from duo_pipeline.sandbox.secops.store import S3Store
from duo_pipeline.sandbox.serving import serve

# Fake keys that look like real ones. They are valid only for the servers on this machine's loopback.
INTEGRATION_KEY = "DISANDBOXSANDBOX0000"
SECRET_KEY = "sandbox-secret-key-that-opens-nothing-00"  # noqa: S105
ACCESS_KEY = "SANDBOXACCESSKEY0000"
SECRET_ACCESS_KEY = "sandbox-secret-access-key-opens-nothing0"  # noqa: S105
BUCKET = "duo-pipeline-sandbox"
AT_ONCE = SecOpsKnobs(transfer_minutes=1 / 60, transfer_delay_minutes=0, indexing_minutes=0)
TWO_MONTHS = timedelta(days=60)
HISTORY_DAYS = 7
"""How far back the hours begin: as far as the hourly schedule looks, so that it leaves none out."""


@dataclass
class Sandbox:
    """Runs an emulated Duo Admin API, a real S3 server with an empty bucket, and an emulated SecOps.

    It runs inside the context. SecOps has a feed that reads each account's prefix, at once.

    Args:
        folder: The folder in which the objects of the bucket are kept.
        log: The records of the emulated Duo.
        knobs: The behaviour of the emulated Duo.
        account_names: Further emulated accounts with their own logs, listed in a file of accounts. If there
            are any, the settings point to them.
        days: How many days back the hours begin.
    """

    folder: Path
    log: Log = field(default_factory=GeneratedLog)
    knobs: Knobs = field(default_factory=Knobs)
    account_names: Sequence[str] = ()
    days: int = HISTORY_DAYS

    def __post_init__(self) -> None:
        self.api = AdminApi(INTEGRATION_KEY, SECRET_KEY, log=self.log, knobs=self.knobs)
        self.s3 = S3Server(self.folder / "s3", access_key=ACCESS_KEY, secret_key=SECRET_ACCESS_KEY)
        self.accounts = Accounts(self.account_names, self.folder / "accounts.yaml", knobs=self.knobs)
        self.bucket = BUCKET
        self.duo_url = ""
        self.secops_url = ""
        self.secops: SecOpsApi | None = None
        self._first_hour = datetime.now(UTC) - timedelta(days=self.days)
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            starting.enter_context(self.s3)
            self.s3.create_bucket(self.bucket)
            starting.enter_context(self.accounts)
            self.duo_url = starting.enter_context(serve(self.api))
            self.secops = SecOpsApi(S3Store(self.s3.client()), knobs=AT_ONCE)
            for prefix in [f"{PREFIX}{name}/" for name in self.account_names] or [PREFIX]:
                self.secops.add_feed(f"s3://{self.bucket}/{prefix}", since=datetime.now(UTC) - TWO_MONTHS)
            self.secops_url = starting.enter_context(serve(self.secops))
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment variables that point the pipeline to this sandbox."""
        return {
            "DUO_IKEY": INTEGRATION_KEY,
            "DUO_SKEY": SECRET_KEY,
            "DUO_API_HOST": self.duo_url,
            "DUO_RETRY_BASE_SECONDS": "0.2",
            "DUO_PARTITIONS_START": f"{self._first_hour:%Y-%m-%d-%H:00}",
            "S3_BUCKET": self.bucket,
            "S3_PREFIX": PREFIX,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.s3.url,
            "SECOPS_PROJECT": PROJECT,
            "SECOPS_LOCATION": LOCATION,
            "SECOPS_INSTANCE": INSTANCE,
            "SECOPS_API_ENDPOINT": self.secops_url,
            "SECOPS_WAIT_MINUTES": "5",
            # A proxy from the environment could not reach this machine's loopback.
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            **self.accounts.environment,
        }
