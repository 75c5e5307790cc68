"""The outer systems, as Dagster's resources."""

import pytest
from dagster_aws.s3 import S3Resource

from duo_pipeline.config.account import DEFAULT_ACCOUNT
from duo_pipeline.defs.resources import TelephonyFeed
from duo_pipeline.landing.bucket import Bucket
from tests.landing.test_bucket import body_of

ACCOUNTS = """
accounts:
  - {name: acme, host: api-a.duosecurity.com, ikey_variable: ACME_IKEY, skey_variable: ACME_SKEY}
  - {name: globex, host: api-p.duosecurity.com, secret: duo/globex, account_id: DA1, record_format: verbatim}
"""


def opened(bucket: Bucket) -> TelephonyFeed:
    return TelephonyFeed(bucket=bucket.name, s3=S3Resource())


@pytest.mark.usefixtures("settings")
def test_s3_is_not_first_asked_whether_an_object_may_come(bucket: Bucket) -> None:
    resource = opened(bucket)
    feed = resource.open(resource.settings(DEFAULT_ACCOUNT))
    sent: list[dict[str, str]] = []
    feed.bucket._client.meta.events.register(
        "before-send.s3.PutObject", lambda request, **_: sent.append(dict(request.headers))
    )
    feed.bucket.put("a", body_of(b"{}\n"))
    assert [request for request in sent if "Expect" in request] == []
    assert len(sent) == 1
    assert bucket.keys("") == ["a"]


@pytest.mark.usefixtures("settings")
def test_the_steps_of_a_run_share_one_client(bucket: Bucket) -> None:
    resource = opened(bucket)
    first, second = (resource.open(resource.settings(DEFAULT_ACCOUNT)) for _ in range(2))
    assert first.bucket._client is second.bucket._client
