"""The outer systems, as the runs open them."""

import os

import pytest
from dagster_aws.s3 import S3Resource

from duo_pipeline.config import settings as settings_of
from duo_pipeline.defs.resources import TelephonyFeed
from duo_pipeline.landing.bucket import Bucket
from tests.landing.test_bucket import body_of


@pytest.mark.usefixtures("settings")
def test_s3_is_not_first_asked_whether_an_object_may_come(bucket: Bucket) -> None:
    feed = TelephonyFeed(s3=S3Resource()).open(settings_of.feed(os.environ))
    sent: list[dict[str, str]] = []
    feed.bucket._client.meta.events.register(
        "before-send.s3.PutObject", lambda request, **_: sent.append(dict(request.headers))
    )
    feed.bucket.put("a", body_of(b"{}\n"))
    assert [request for request in sent if "Expect" in request] == []
    assert len(sent) == 1
    assert bucket.keys("") == ["a"]


@pytest.mark.usefixtures("settings")
def test_the_steps_of_a_run_share_one_client() -> None:
    resource = TelephonyFeed(s3=S3Resource())
    first, second = (resource.open(settings_of.feed(os.environ)) for _ in range(2))
    assert first.bucket._client is second.bucket._client
