"""The external systems, as Dagster's resources.

The UI shows their settings, and of a secret only the variable's name. The settings are texts, which a run
parses when it opens a system. So the code location loads where nothing is set, and one sentence names
everything that a run lacks.
"""

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import dagster as dg
from botocore.handlers import add_expect_header
from dagster_aws.s3 import S3Resource
from pydantic import Field, PrivateAttr

from duo_pipeline.config import settings as config
from duo_pipeline.config.account import PREFIX, VARIABLES, WORK_PREFIX, Account
from duo_pipeline.config.secops import WAIT_MINUTES, SecOpsSettings
from duo_pipeline.config.secrets_manager import with_keys
from duo_pipeline.config.settings import DuoSettings, FeedSettings
from duo_pipeline.duo.admin_api import AdminApi, OnWait
from duo_pipeline.landing.bucket import Bucket, BucketError, errors_as_sentences
from duo_pipeline.landing.credential_errors import prepare_botocore
from duo_pipeline.landing.feed import Feed
from duo_pipeline.network import is_loopback
from duo_pipeline.secops.api import SecOps

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def _optional(default: object, description: str) -> Any:  # noqa: ANN401 - pydantic's own type of a field
    return Field(default=str(default), description=f"{description}; {default} if not set.")


class DuoAdminApi(dg.ConfigurableResource[AdminApi]):
    """Duo's Admin API."""

    ikey: str = Field(description="The integration key of the Admin API application.")
    skey: str = Field(description="Its secret key.")
    secret: str = Field(default="", description="The secret of AWS Secrets Manager with both keys.")
    host: str = Field(description="The host of the Admin API: api-xxxxxxxx.duosecurity.com.")
    account_id: str = Field(default="", description="The id of a child account; the keys are its parent's.")
    retry_base_seconds: str = _optional(
        config.RETRY_BASE_SECONDS, "The first wait after a failure on Duo's side, in seconds"
    )
    retry_attempts: str = _optional(config.RETRY_ATTEMPTS, "How many times one page is requested")

    def open(self, settings: DuoSettings, on_wait: OnWait) -> AdminApi:
        """Return the API, which calls ``on_wait`` before it waits for another try."""
        return AdminApi(
            settings.host,
            ikey=settings.ikey,
            skey=settings.skey,
            account_id=settings.account_id,
            retry_base_seconds=settings.retry_base_seconds,
            retry_attempts=settings.retry_attempts,
            on_wait=on_wait,
        )


class S3Feed(dg.ConfigurableResource[Feed]):
    """The bucket that SecOps reads."""

    s3: dg.ResourceDependency[S3Resource]
    bucket: str = Field(description="The bucket.")
    prefix: str = _optional(PREFIX, "The prefix that SecOps reads; it holds only log objects")
    work_prefix: str = _optional(WORK_PREFIX, "Where everything else is written")
    base_work_prefix: str = _optional(WORK_PREFIX, "Where the work prefixes of all accounts lie")
    record_format: str = _optional(config.RECORD_FORMAT, "How a record is written, secops or verbatim")
    encryption: str = Field(default="", description="How S3 encrypts objects: AES256 or aws:kms.")
    kms_key_id: str = Field(default="", description="The KMS key with which S3 encrypts objects.")
    _client: Any = PrivateAttr(default=None)
    """Made once for the steps of a run: boto3 takes a fifth of a second for it."""

    def settings(self, account: Account) -> FeedSettings:
        """Return the settings.

        Raises:
            SettingsError: Names every one that is missing or wrong.
        """
        return config.parse(FeedSettings, _texts(self), account)

    def open(self, settings: FeedSettings) -> Feed:
        """Return the feed.

        Raises:
            BucketError: The S3 client cannot be created.
        """
        self._client = self._client or s3_client(self.s3)
        return open_feed(settings, self._client)


class SecOpsInstance(dg.ConfigurableResource[SecOps]):
    """The instance of Google SecOps. The credentials are those that google-auth finds, not a setting."""

    project: str = Field(description="Its Google Cloud project.")
    location: str = Field(description="Its region: us, eu, europe-west2 …")
    instance: str = Field(description="Its id, which Google also calls the customer id.")
    endpoint: str = Field(default="", description="The URL of a stand-in, instead of Google's.")
    wait_minutes: str = _optional(
        WAIT_MINUTES, "How long after landing an hour is red if SecOps lacks some of it, in minutes"
    )

    def settings(self) -> SecOpsSettings:
        """Return the settings.

        Raises:
            SettingsError: Names every one that is missing or wrong.
        """
        return config.parse(SecOpsSettings, _texts(self))


def resources_of(account: Account) -> dict[str, dg.ConfigurableResource[Any]]:
    """Return the resources of an account, by their keys.

    Each of its variables that is not set becomes an empty text. Otherwise Dagster would fail the run before a
    sentence can name everything that is missing.
    """
    return {
        account.duo_resource: DuoAdminApi(**_values(DuoAdminApi, account)),
        account.feed_resource: S3Feed(**_values(S3Feed, account), s3=S3Resource()),
    }


def secops_resource(account: Account) -> dict[str, dg.ConfigurableResource[Any]]:
    """Return the resource that asks SecOps for an account, by its key."""
    return {account.secops_resource: SecOpsInstance(**_values(SecOpsInstance, account))}


def duo_and_feed(account: Account, duo: DuoAdminApi, feed: S3Feed) -> tuple[DuoSettings, FeedSettings]:
    """Return the settings of both. The keys of an account that has a secret are read from it now.

    Raises:
        SettingsError: Names every setting that is missing or wrong, or says why the secret cannot be read.
    """
    return config.duo_and_feed(with_keys(_texts(duo)) | _texts(feed), account)


def feed_of(resources: object, account: Account) -> Feed:
    """Return an account's feed, from the resources of a step.

    Raises:
        SettingsError: Names every setting of it that is missing or wrong.
        BucketError: The S3 client cannot be created.
    """
    feed: S3Feed = getattr(resources, account.feed_resource)
    return feed.open(feed.settings(account))


def open_feed(settings: FeedSettings, client: "S3Client") -> Feed:
    """Return the feed that the settings name."""
    return Feed(
        bucket=Bucket(client, settings.bucket, settings.encryption_headers),
        prefix=settings.prefix,
        work_prefix=settings.work_prefix,
        record_format=settings.record_format,
    )


def s3_client(s3: S3Resource) -> "S3Client":
    """Return a client that sends an object without first asking S3 whether it may: a round trip for each.

    Raises:
        BucketError: There is no way to S3: a setting is wrong, credentials need a code from a keyboard, or
            an address is plain ``http://`` and not on loopback.
    """
    with errors_as_sentences("use", "S3"):
        prepare_botocore(s3.profile_name)
        client: S3Client = s3.get_client()
    _refuse_plain_http(client.meta.endpoint_url)
    client.meta.events.unregister("before-call.s3", add_expect_header)
    return client


def _refuse_plain_http(endpoint: str) -> None:
    """Raise an error if S3, or a service that gives credentials, would be asked without TLS."""
    urls = {name: url for name, url in os.environ.items() if name.startswith("AWS_ENDPOINT_URL")}
    for name, url in {**urls, "The endpoint_url of the AWS profile": endpoint}.items():
        parts = urlsplit(url)
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            raise BucketError(
                f"{name} must not be plain http:// (allowed only for loopback addresses), since anybody on"
                " the network could read the records: use https://."
            )


def _values(resource_class: type[dg.ConfigurableResource[Any]], account: Account) -> dict[str, Any]:
    variables = {
        name: account.variable(name)
        for name in resource_class.model_fields
        if name in VARIABLES and name not in account.given
    }
    for variable in variables.values():
        os.environ.setdefault(variable, "")
    given = {name: text for name, text in account.given.items() if name in resource_class.model_fields}
    return given | {name: dg.EnvVar(variable) for name, variable in variables.items()}


def _texts(resource: dg.ConfigurableResource[Any]) -> dict[str, str]:
    return {name: value for name, value in resource if isinstance(value, str)}
