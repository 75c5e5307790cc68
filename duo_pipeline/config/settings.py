"""The settings: one class for each purpose. One sentence names everything that is missing or wrong."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field, PlainValidator, TypeAdapter, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails

from duo_pipeline.config.account import DEFAULT_ACCOUNT, PREFIX, WORK_PREFIX, Account
from duo_pipeline.duo.host import ApiHost, api_host
from duo_pipeline.landing.line import RecordFormat
from duo_pipeline.usage.rules import DEFAULTS, Thresholds, thresholds

HOUR_FORMAT = "%Y-%m-%d-%H:%M"
"""How Dagster writes the key of an hourly partition."""
RECORD_FORMAT: RecordFormat = "secops"
RETRY_BASE_SECONDS = 30
RETRY_ATTEMPTS = 8
DUO_DELAY_MINUTES = 2
"""Duo deliberately shows no record that is younger than this."""

_WORDS = {
    "int_parsing": "must be a whole number",
    "greater_than_equal": "must be a whole number, {ge} or more",
    "literal_error": "must be secops or verbatim",
}
"""What is said of pydantic's types of error."""

T = TypeVar("T")


class SettingsError(Exception):
    """Settings are missing or wrong; the text is one sentence that names each of them."""


def matches(pattern: str, demand: str) -> AfterValidator:
    """Return a validator of texts; ``demand`` continues a sentence that begins with the setting's name."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise ValueError(demand)  # the text is not quoted: somebody may have put a key here
        return text

    return AfterValidator(check)


def _key(text: str) -> str:
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("is not a valid Duo key: a Duo key has only letters and digits")
    return text


def object_prefix(text: str) -> str:
    """Return the prefix without a slash before it, and with one after it."""
    text = text.strip("/")
    return f"{text}/" if text else ""


def _apart(prefix: str, others: ValidationInfo) -> str:
    work = others.data["work_prefix"]
    if prefix.startswith(work) or work.startswith(prefix):
        raise ValueError(
            f"({prefix or 'the whole bucket'}) and S3_WORK_PREFIX ({work or 'the whole bucket'}) must not"
            " contain each other, because SecOps reads everything below S3_PREFIX"
        )
    return prefix


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text):
        raise ValueError("must be a URL, as in https://dagster.example.com")
    return text.rstrip("/")


def _kms_key(text: str, others: ValidationInfo) -> str:
    if not re.fullmatch(r"(arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:)?((key|alias)/)?[\w/-]+", text, re.ASCII):
        raise ValueError("must be the ARN, the id or the alias (alias/…) of a KMS key")
    if others.data.get("encryption") == "AES256":
        raise ValueError("needs S3_ENCRYPTION to be aws:kms, or not set")
    return text


def first_hour(text: str) -> datetime:
    """Return the first hour, in UTC.

    Raises:
        ValueError: The text is not a whole hour, or names one that does not exist.
    """
    if not re.fullmatch(r"\d{4}-\d\d-\d\d-\d\d:00", text):
        raise ValueError("must be a whole hour in UTC, as in 2026-01-01-00:00")
    try:
        return datetime.strptime(text, HOUR_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        raise ValueError("names a day or an hour that does not exist: correct it") from None


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise ValueError("must be a number of seconds from 0 to 3600")
    return seconds


_Key = Annotated[str, AfterValidator(_key)]
_Prefix = Annotated[str, AfterValidator(object_prefix)]
_Encryption = Annotated[str, matches("AES256|aws:kms", "must be AES256 or aws:kms")]
_TopicArn = Annotated[
    str,
    matches(
        r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]+",
        "must be the ARN of an SNS topic, as in arn:aws:sns:eu-central-1:123456789012:duo",
    ),
]


@dataclass(frozen=True, slots=True)
class DuoSettings:
    """How to reach the Admin API (``DUO_*``)."""

    ikey: _Key
    skey: _Key = field(repr=False)
    host: Annotated[ApiHost, PlainValidator(api_host)]
    account_id: str = ""
    retry_base_seconds: Annotated[float, PlainValidator(_seconds)] = RETRY_BASE_SECONDS
    retry_attempts: Annotated[int, Field(ge=1)] = RETRY_ATTEMPTS

    @property
    def account(self) -> str:
        """The id of the Duo account: its host, and the child account's id if it is one."""
        return _account_at_duo(self.host, self.account_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefixes:
    """Where the feed is, and where everything else is written."""

    work_prefix: _Prefix = WORK_PREFIX
    prefix: Annotated[_Prefix, AfterValidator(_apart), Field(validate_default=True)] = PREFIX


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSettings(Prefixes):
    """Where and how lines are written (``S3_*``, ``DUO_RECORD_FORMAT``).

    Attributes:
        bucket: The bucket.
        record_format: How a record is written.
        base_work_prefix: ``S3_WORK_PREFIX`` itself, below which the work prefixes of several accounts lie.
        encryption: How S3 is asked to encrypt, ``AES256`` or ``aws:kms``; empty: as the bucket is set.
        kms_key_id: The KMS key to encrypt with; empty: the bucket's.
    """

    bucket: str
    record_format: RecordFormat = RECORD_FORMAT
    base_work_prefix: _Prefix = WORK_PREFIX
    encryption: _Encryption = ""
    kms_key_id: Annotated[str, AfterValidator(_kms_key)] = ""

    @property
    def encryption_headers(self) -> dict[str, str]:
        """What each write asks for, in the names of the AWS SDK."""
        algorithm = self.encryption or ("aws:kms" if self.kms_key_id else "")
        asked = {"ServerSideEncryption": algorithm, "SSEKMSKeyId": self.kms_key_id}
        return {name: value for name, value in asked.items() if value}


@dataclass(frozen=True, slots=True)
class HourSettings:
    """Which hours there are and when they are looked at; read when the code location loads.

    Attributes:
        start: The first hour, in UTC.
        settle_minutes: How long after its end an hour is settled.
        lookback_hours: The schedule looks for missing hours among this many settled ones.
        reconcile_hours: How many settled hours are read again each night for late records.
        reconcile_weekly_hours: The same, once a week; never if 0.
    """

    start: Annotated[datetime, PlainValidator(first_hour)] = datetime(2026, 1, 1, tzinfo=UTC)
    settle_minutes: Annotated[int, Field(ge=DUO_DELAY_MINUTES)] = 5
    lookback_hours: Annotated[int, Field(ge=1)] = 168
    reconcile_hours: Annotated[int, Field(ge=1)] = 48
    reconcile_weekly_hours: Annotated[int, Field(ge=0)] = 720


@dataclass(frozen=True, slots=True)
class UsageSettings:
    """From which thresholds on usage looks like abuse; read when the code location loads.

    Attributes:
        thresholds: The thresholds of the rules, those of ``DUO_USAGE_THRESHOLDS`` replaced.
    """

    thresholds: Annotated[Thresholds, PlainValidator(thresholds)] = field(default_factory=lambda: DEFAULTS)


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """Where to send alerts; read when the code location loads.

    Attributes:
        topic_arn: The SNS topic; without one, no alerts are sent.
        ui_url: Where people see Dagster's UI, for links; may be empty.
    """

    topic_arn: _TopicArn = ""
    ui_url: Annotated[str, AfterValidator(_url)] = ""


def parse(settings_class: type[T], texts: Mapping[str, str], account: Account = DEFAULT_ACCOUNT) -> T:
    """Return the settings of a class from the text of each; an empty text is the default.

    Raises:
        SettingsError: Names the variable of each that is missing or wrong, as the account has it.
    """
    return _parsed(settings_class, _those_set(texts), account)


def duo_and_feed(
    texts: Mapping[str, str], account: Account = DEFAULT_ACCOUNT
) -> tuple[DuoSettings, FeedSettings]:
    """Return the settings for landing an hour; the arguments and errors are those of `parse`."""
    found = _those_set(texts)
    return _parsed(tuple[DuoSettings, FeedSettings], (found, found), account)


def duo_account(environ: Mapping[str, str], account: Account = DEFAULT_ACCOUNT) -> str:
    """Return the id of the Duo account (`DuoSettings.account`); empty if its host is not set, or is wrong."""
    texts = account.texts(environ)
    try:
        return _account_at_duo(api_host(texts["host"].strip()), texts.get("account_id", ""))
    except ValueError:
        return ""


def feed(environ: Mapping[str, str], account: Account = DEFAULT_ACCOUNT) -> FeedSettings:
    """Read the settings for reading the feed; raises what `parse` raises."""
    return parse(FeedSettings, account.texts(environ), account)


def hours(environ: Mapping[str, str], account: Account = DEFAULT_ACCOUNT) -> HourSettings:
    """Read which hours there are; raises what `parse` does."""
    return parse(HourSettings, account.texts(environ), account)


def usage(environ: Mapping[str, str], account: Account = DEFAULT_ACCOUNT) -> UsageSettings:
    """Read from which thresholds on usage looks like abuse; raises what `parse` does."""
    return parse(UsageSettings, account.texts(environ), account)


def alerts(environ: Mapping[str, str]) -> AlertSettings:
    """Read where to send alerts; raises what `parse` does."""
    return parse(AlertSettings, DEFAULT_ACCOUNT.texts(environ))


def clause(error: ErrorDetails, words: Mapping[str, str] = _WORDS) -> str:
    """Return what is wrong with a setting: the words of its parser, or those for pydantic's type of error."""
    context = error.get("ctx", {})
    return str(context.get("error") or words.get(error["type"], error["msg"]).format(**context))


def _account_at_duo(host: ApiHost, account_id: str) -> str:
    return f"{host.address}/{account_id}" if account_id else host.address


def _those_set(texts: Mapping[str, str]) -> dict[str, str]:
    return {name: text.strip() for name, text in texts.items() if text.strip()}


def _parsed(settings_class: type[T], found: object, account: Account) -> T:
    try:
        return TypeAdapter(settings_class).validate_python(found)
    except ValidationError as error:
        raise SettingsError(_sentence(error.errors(), account)) from None


def _sentence(errors: Sequence[ErrorDetails], account: Account) -> str:
    named = [(account.variable(str(error["loc"][-1])), error) for error in errors]
    missing = [name for name, error in named if error["type"] == "missing"]
    wrong = [f"{name} {clause(error)}" for name, error in named if error["type"] != "missing"]
    sentences = []
    if missing:
        verb, them = ("is", "it") if len(missing) == 1 else ("are", "them")
        sentences.append(f"{_and(missing)} {verb} not set: set {them} in the environment or in .env")
    if wrong:
        sentences.append(_and(wrong))
    return f"{'; '.join(sentences)}."


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
