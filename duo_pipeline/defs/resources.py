"""The outer systems, as Dagster's resources.

They read the environment when a run opens them, not before: the code location loads, and the UI opens, on a
machine where nothing is set; and no secret is in a run's configuration, which the UI shows.
"""

from typing import TYPE_CHECKING, Any

import dagster as dg
from botocore.exceptions import BotoCoreError
from botocore.handlers import add_expect_header
from dagster_aws.s3 import S3Resource
from pydantic import PrivateAttr

from duo_pipeline.config.settings import DuoSettings, FeedSettings
from duo_pipeline.duo.admin_api import AdminApi, OnWait
from duo_pipeline.landing.bucket import Bucket, cannot_connect
from duo_pipeline.landing.feed import Feed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class DuoAdminApi(dg.ConfigurableResource[AdminApi]):
    """Duo's Admin API, as set by ``DUO_*``."""

    def open(self, settings: DuoSettings, on_wait: OnWait) -> AdminApi:
        """Give the API; ``on_wait`` is told of each wait before another try."""
        return AdminApi(
            settings.host,
            ikey=settings.ikey,
            skey=settings.skey,
            account_id=settings.account_id,
            retry_base_seconds=settings.retry_base_seconds,
            retry_attempts=settings.retry_attempts,
            on_wait=on_wait,
        )


class TelephonyFeed(dg.ConfigurableResource[Feed]):
    """The bucket that SecOps reads, as set by ``S3_*`` and the AWS SDK's own variables."""

    s3: dg.ResourceDependency[S3Resource]
    _client: Any = PrivateAttr(default=None)
    """Made once for the steps of a run: boto3 takes a fifth of a second for it."""

    def open(self, settings: FeedSettings) -> Feed:
        """Give the feed.

        Raises:
            BucketError: There is no way to S3.
        """
        self._client = self._client or s3_client(self.s3)
        return Feed(
            bucket=Bucket(self._client, settings.bucket),
            prefix=settings.prefix,
            work_prefix=settings.work_prefix,
            record_format=settings.record_format,
        )


def s3_client(s3: S3Resource) -> "S3Client":
    """Give a client that sends an object without first asking S3 whether it may: a round trip for each.

    Raises:
        BucketError: There is no way to S3.
    """
    try:
        client: S3Client = s3.get_client()
    except (BotoCoreError, ValueError) as error:
        raise cannot_connect(error) from None
    client.meta.events.unregister("before-call.s3", add_expect_header)
    return client
