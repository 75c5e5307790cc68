"""Tests of the feed in Google SecOps, with the class of Google's own client."""

import copy
import json
import subprocess
import sys
from typing import Any

import pytest
from google.cloud import chronicle_v1

from duo_pipeline.secops import feed_body as secops
from duo_pipeline.secops.feed_body import FeedBodyError
from duo_pipeline.secops.instance import Instance

FEED = "s3://bucket/duo-telephony/"
INSTANCE = Instance("project-1", "eu", "8d7c0f5e-0000-0000-0000-000000000000")
KEY = secops.access_key("AKIAEXAMPLE", "secret")
ROLE = secops.role("arn:aws:iam::123456789012:role/secops-reader", "117000000000000000000")


def body(authentication: dict[str, Any] = KEY) -> dict[str, Any]:
    return secops.feed_body(FEED, INSTANCE, display_name="Duo telephony", authentication=authentication)


def read_by_google(body: dict[str, Any]) -> Any:
    return chronicle_v1.Feed.from_json(json.dumps(body))


def test_google_reads_what_the_body_says() -> None:
    feed = read_by_google(body())
    assert feed.display_name == "Duo telephony"
    assert feed.details.feed_source_type.name == "AMAZON_S3_V2"
    assert feed.details.log_type == (
        "projects/project-1/locations/eu/instances/8d7c0f5e-0000-0000-0000-000000000000"
        "/logTypes/DUO_TELEPHONY"
    )
    s3 = feed.details.amazon_s3_v2_settings
    assert s3.s3_uri == "s3://bucket/duo-telephony/"
    assert s3.source_deletion_option == chronicle_v1.SourceDeletionOptionV2.NEVER
    assert s3.max_lookback_days == 180


def test_google_reads_the_access_key() -> None:
    key = read_by_google(body()).details.amazon_s3_v2_settings.authentication.access_key_secret_auth
    assert (key.access_key_id, key.secret_access_key) == ("AKIAEXAMPLE", "secret")


def test_google_reads_the_role() -> None:
    role = read_by_google(body(ROLE)).details.amazon_s3_v2_settings.authentication.aws_iam_role_auth
    assert role.aws_iam_role_arn == "arn:aws:iam::123456789012:role/secops-reader"
    assert role.subject_id == "117000000000000000000"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("sourceDeletionOption", "SOMETIMES", "sourceDeletionOption"),
        ("maxLookbackDays", "half a year", "maxLookbackDays"),
        ("s3uri", "s3://bucket/", 'no field named "s3uri"'),
        ("authentication", {**KEY, **ROLE}, "auth_type"),
    ],
)
def test_a_wrong_body_is_refused_with_a_reason(field: str, value: object, words: str) -> None:
    wrong = copy.deepcopy(body())
    wrong["details"]["amazonS3V2Settings"][field] = value
    with pytest.raises(FeedBodyError, match=words) as caught:
        secops.check_body(wrong)
    text = str(caught.value)
    assert text.startswith("Google's client does not accept the body of the feed: ")
    assert text.endswith(".")
    assert "\n" not in text


def test_a_body_that_google_would_not_accept_is_refused() -> None:
    with pytest.raises(FeedBodyError, match="somethingElse"):
        body({"somethingElse": {}})


@pytest.mark.parametrize("wrong", ["projects/project-1", "", "two words"])
def test_an_instance_with_an_invalid_id_is_refused(wrong: str) -> None:
    with pytest.raises(FeedBodyError, match=r"The project .* is not a valid id"):
        secops.feed_body(FEED, Instance(wrong, "eu", "1"), display_name="Duo", authentication=KEY)


@pytest.mark.parametrize("arn", ["secops-reader", "arn:aws:iam::123456789012:user/secops-reader"])
def test_an_arn_that_is_not_that_of_a_role_is_refused(arn: str) -> None:
    with pytest.raises(FeedBodyError, match="is not a valid ARN"):
        secops.role(arn, "1")


def test_googles_client_is_loaded_only_when_it_is_needed() -> None:
    lines = "import sys, duo_pipeline.cli.feed; sys.exit('google.cloud.chronicle_v1' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", lines], check=False, timeout=60).returncode == 0
