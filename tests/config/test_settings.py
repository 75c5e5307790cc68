import pytest

from duo_pipeline.config import settings
from duo_pipeline.config.account import DEFAULT_ACCOUNT

WHOLE = {"DUO_IKEY": "DI", "DUO_SKEY": "s", "DUO_API_HOST": "api-1.duosecurity.com", "S3_BUCKET": "b"}


def of_run(environ: dict[str, str]) -> tuple[settings.DuoSettings, settings.FeedSettings]:
    return settings.duo_and_feed(DEFAULT_ACCOUNT.texts(environ))


def test_the_defaults_are_those_of_the_contract() -> None:
    duo, feed = of_run(WHOLE)
    assert (duo.retry_base_seconds, duo.retry_attempts) == (30, 8)
    assert (feed.prefix, feed.work_prefix) == ("duo-telephony/", "duo-telephony-work/")
    assert feed.record_format == "secops"
    hours = settings.hours({})
    assert hours.start.isoformat() == "2026-01-01T00:00:00+00:00"
    assert (hours.settle_minutes, hours.lookback_hours, hours.reconcile_hours) == (5, 168, 48)


def test_all_that_is_missing_is_named_in_one_sentence() -> None:
    with pytest.raises(settings.SettingsError) as caught:
        of_run({})
    assert str(caught.value) == (
        "DUO_IKEY, DUO_SKEY, DUO_API_HOST and S3_BUCKET are not set: set them in the environment or in .env."
    )


def test_looking_at_landed_lines_needs_no_key_of_duos() -> None:
    assert settings.feed({"S3_BUCKET": "b"}).bucket == "b"


@pytest.mark.parametrize(
    ("feed", "work"), [("a/", "a/b/"), ("a/b/", "a/"), ("a/", "a"), ("/", "work/"), ("feed/", "/")]
)
def test_prefixes_that_contain_each_other_are_refused(feed: str, work: str) -> None:
    with pytest.raises(settings.SettingsError, match=r"S3_PREFIX .* S3_WORK_PREFIX .* contain each other"):
        settings.feed({"S3_BUCKET": "b", "S3_PREFIX": feed, "S3_WORK_PREFIX": work})


@pytest.mark.parametrize(
    ("given", "headers"),
    [
        ({}, {}),
        ({"S3_ENCRYPTION": "AES256"}, {"ServerSideEncryption": "AES256"}),
        ({"S3_ENCRYPTION": "aws:kms"}, {"ServerSideEncryption": "aws:kms"}),
        ({"S3_KMS_KEY_ID": "alias/soc"}, {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/soc"}),
    ],
)
def test_a_write_asks_for_the_encryption_that_is_set(given: dict[str, str], headers: dict[str, str]) -> None:
    assert settings.feed({"S3_BUCKET": "b", **given}).encryption_headers == headers


@pytest.mark.parametrize(
    "key",
    [
        "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "arn:aws-us-gov:kms:us-gov-west-1:123456789012:alias/soc",
        "1234abcd-12ab-34cd-56ef-1234567890ab",
        "mrk-1234abcd12ab34cd56ef1234567890ab",
        "alias/aws/s3",
    ],
)
def test_each_way_to_name_a_kms_key_is_taken(key: str) -> None:
    assert settings.feed({"S3_BUCKET": "b", "S3_KMS_KEY_ID": key}).kms_key_id == key


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"S3_ENCRYPTION": "kms"}, "S3_ENCRYPTION must be AES256 or aws:kms"),
        ({"S3_KMS_KEY_ID": "arn:aws:s3:::bucket"}, "S3_KMS_KEY_ID must be the ARN, the id or the alias"),
        ({"S3_KMS_KEY_ID": "two words"}, "S3_KMS_KEY_ID must be the ARN, the id or the alias"),
        (
            {"S3_ENCRYPTION": "AES256", "S3_KMS_KEY_ID": "alias/soc"},
            "S3_KMS_KEY_ID needs S3_ENCRYPTION to be",
        ),
    ],
)
def test_an_encryption_that_s3_would_refuse_is_named(given: dict[str, str], says: str) -> None:
    with pytest.raises(settings.SettingsError, match=says):
        settings.feed({"S3_BUCKET": "b", **given})


def test_prefixes_that_merely_begin_alike_are_taken() -> None:
    assert settings.feed({"S3_BUCKET": "b", "S3_PREFIX": "a", "S3_WORK_PREFIX": "ab"}).prefix == "a/"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DUO_SETTLE_MINUTES", "1"),
        ("DUO_SETTLE_MINUTES", "five"),
        ("DUO_PARTITIONS_START", "2026-01-01"),
        ("DUO_PARTITIONS_START", "2026-01-01-00:30"),
        ("DUO_PARTITIONS_START", "2026-13-01-00:00"),
        ("DUO_LOOKBACK_HOURS", "0"),
        ("DUO_RECONCILE_HOURS", "-1"),
    ],
)
def test_a_wrong_setting_of_the_hours_is_named(name: str, value: str) -> None:
    with pytest.raises(settings.SettingsError, match=f"^{name} "):
        settings.hours({name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DUO_IKEY", "DIÉ"),
        ("DUO_SKEY", "with space"),
        ("DUO_API_HOST", "example.com"),
        ("DUO_RECORD_FORMAT", "json"),
        ("DUO_RETRY_BASE_SECONDS", "soon"),
        ("DUO_RETRY_BASE_SECONDS", "-1"),
        ("DUO_RETRY_ATTEMPTS", "0"),
    ],
)
def test_a_wrong_setting_of_a_run_is_named(name: str, value: str) -> None:
    with pytest.raises(settings.SettingsError, match=f"^{name} "):
        of_run({**WHOLE, name: value})


def test_nobody_is_told_of_troubles_unless_a_topic_is_set() -> None:
    assert settings.alerts({}) == settings.AlertSettings(topic_arn="", ui_url="")
    arn = "arn:aws:sns:eu-central-1:123456789012:duo"
    read = settings.alerts({"ALERT_SNS_TOPIC_ARN": arn, "DAGSTER_UI_URL": "https://dagster.example.com/"})
    assert read == settings.AlertSettings(topic_arn=arn, ui_url="https://dagster.example.com")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALERT_SNS_TOPIC_ARN", "duo"),
        ("ALERT_SNS_TOPIC_ARN", "arn:aws:sqs:eu-central-1:123456789012:duo"),
        ("DAGSTER_UI_URL", "dagster.example.com"),
        ("DAGSTER_UI_URL", "https://"),
    ],
)
def test_a_wrong_setting_of_the_alerts_is_named(name: str, value: str) -> None:
    with pytest.raises(settings.SettingsError, match=f"^{name} must be "):
        settings.alerts({name: value})


def test_the_secret_is_in_no_text_of_the_settings() -> None:
    duo, _ = of_run({**WHOLE, "DUO_SKEY": "very-secret"})
    assert "very-secret" not in repr(duo)
