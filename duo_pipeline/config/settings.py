"""The settings, from the environment, each checked and each fault named in a sentence."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from duo_pipeline.config import secrets_manager as secret
from duo_pipeline.config.account import THE_ONE, Account
from duo_pipeline.duo.host import ApiHost, api_host
from duo_pipeline.landing.line import RecordFormat

HOUR_FORMAT = "%Y-%m-%d-%H:%M"
"""How Dagster writes the key of an hourly partition."""
WORK_PREFIX = "duo-telephony-work/"
DUO_DELAY_MINUTES = 2
"""Duo shows nothing younger, on purpose."""

T = TypeVar("T")


class SettingsError(Exception):
    """Settings are missing or wrong; the text is one sentence that names each of them."""


@dataclass(frozen=True, slots=True)
class DuoSettings:
    """How to reach the Admin API (``DUO_*``)."""

    ikey: str
    skey: str = field(repr=False)
    host: ApiHost
    account_id: str
    retry_base_seconds: float
    retry_attempts: int

    @property
    def account(self) -> str:
        """What tells the Duo account from others: the host, and the child account's id if it is one."""
        return _account_at_duo(self.host, self.account_id)


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """Where and how lines are written (``S3_*``, ``DUO_RECORD_FORMAT``).

    Attributes:
        bucket: The bucket.
        prefix: The feed.
        work_prefix: Where everything else is written.
        record_format: How a record is written.
        base_work_prefix: ``S3_WORK_PREFIX`` itself, below which the work prefixes of several accounts lie.
    """

    bucket: str
    prefix: str
    work_prefix: str
    record_format: RecordFormat
    base_work_prefix: str


@dataclass(frozen=True, slots=True)
class HourSettings:
    """Which hours there are and when they are looked at; read when the code location loads.

    Attributes:
        start: The first hour, in UTC.
        settle_minutes: How long after its end an hour is settled.
        lookback_hours: Among so many settled hours the schedule looks for missing ones.
        reconcile_hours: How many settled hours are read again each night for late records.
        reconcile_weekly_hours: The same, once a week; never if 0.
    """

    start: datetime
    settle_minutes: int
    lookback_hours: int
    reconcile_hours: int
    reconcile_weekly_hours: int


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """Whom to tell of troubles; read when the code location loads.

    Attributes:
        topic_arn: The SNS topic; nobody is told if empty.
        ui_url: Where people see Dagster's UI, for links; may be empty.
    """

    topic_arn: str
    ui_url: str


class _Reader:
    """Reads variables one by one and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str], account: Account = THE_ONE) -> None:
        self.missing: list[str] = []
        self.wrong: list[str] = []
        self._environ = environ
        self._account = account

    def read(self, setting: str, parse: Callable[[str], T], default: T | None = None) -> T:
        text, name = self._account.value(setting, self._environ), self._account.called(setting)
        if not text:
            if default is None:
                self.missing.append(name)
            return default  # type: ignore[return-value] # finish() raises before anybody sees a None
        try:
            return parse(text)
        except ValueError as error:
            self.wrong.append(f"{name} {error}")
            return default  # type: ignore[return-value] # the same

    def finish(self) -> None:
        sentences = []
        if self.missing:
            them = "it" if len(self.missing) == 1 else "them"
            verb = "is" if len(self.missing) == 1 else "are"
            sentences.append(f"{_and(self.missing)} {verb} not set: set {them} in the environment or in .env")
        if self.wrong:
            sentences.append(_and(self.wrong))
        if sentences:
            raise SettingsError(f"{'; '.join(sentences)}.")


def duo_and_feed(environ: Mapping[str, str], account: Account = THE_ONE) -> tuple[DuoSettings, FeedSettings]:
    """Read what landing an hour needs.

    Raises:
        SettingsError: Names all that is missing or wrong.
    """
    reader = _Reader(_with_keys(environ, account), account)
    duo, feed = _duo(reader, account), _feed(reader, environ)
    reader.finish()
    return duo, feed


def duo(environ: Mapping[str, str], account: Account = THE_ONE) -> DuoSettings:
    """Read what asking Duo needs.

    Raises:
        SettingsError: Names all that is missing or wrong.
    """
    reader = _Reader(_with_keys(environ, account), account)
    settings = _duo(reader, account)
    reader.finish()
    return settings


def duo_account(environ: Mapping[str, str], account: Account = THE_ONE) -> str:
    """Read what tells the Duo account from others; empty if its host is not set, or is wrong."""
    try:
        host = api_host(account.value("DUO_API_HOST", environ))
    except ValueError:
        return ""
    return _account_at_duo(host, account.account_id)


def feed(environ: Mapping[str, str], account: Account = THE_ONE) -> FeedSettings:
    """Read what looking at landed lines needs: no key of Duo's is among it.

    Raises:
        SettingsError: Names all that is missing or wrong.
    """
    reader = _Reader(environ, account)
    settings = _feed(reader, environ)
    reader.finish()
    return settings


def hours(environ: Mapping[str, str], account: Account = THE_ONE) -> HourSettings:
    """Read which hours there are.

    Raises:
        SettingsError: Names all that is wrong.
    """
    reader = _Reader(environ, account)
    settings = HourSettings(
        start=reader.read("DUO_PARTITIONS_START", first_hour, datetime(2026, 1, 1, tzinfo=UTC)),
        settle_minutes=reader.read("DUO_SETTLE_MINUTES", _at_least(DUO_DELAY_MINUTES), 5),
        lookback_hours=reader.read("DUO_LOOKBACK_HOURS", _at_least(1), 168),
        reconcile_hours=reader.read("DUO_RECONCILE_HOURS", _at_least(1), 48),
        reconcile_weekly_hours=reader.read("DUO_RECONCILE_WEEKLY_HOURS", _at_least(0), 720),
    )
    reader.finish()
    return settings


def prefixes(environ: Mapping[str, str]) -> tuple[str, str]:
    """Read the prefixes below which those of many accounts lie: of the feeds, and of everything else.

    Raises:
        SettingsError: They contain each other.
    """
    reader = _Reader(environ)
    found = _prefixes(reader)
    reader.finish()
    return found


def alerts(environ: Mapping[str, str]) -> AlertSettings:
    """Read whom to tell of troubles.

    Raises:
        SettingsError: Names all that is wrong.
    """
    reader = _Reader(environ)
    settings = AlertSettings(
        topic_arn=reader.read("ALERT_SNS_TOPIC_ARN", _topic_arn, ""),
        ui_url=reader.read("DAGSTER_UI_URL", _url, ""),
    )
    reader.finish()
    return settings


def _account_at_duo(host: ApiHost, account_id: str) -> str:
    return f"{host.address}/{account_id}" if account_id else host.address


def _with_keys(environ: Mapping[str, str], account: Account) -> Mapping[str, str]:
    """Give the environment with the keys that a secret holds in place of its own."""
    if not account.secret:
        return environ
    try:
        return {**environ, **secret.duo_keys(account.secret)}
    except secret.SecretError as error:
        raise SettingsError(str(error)) from None


def _duo(reader: _Reader, account: Account) -> DuoSettings:
    return DuoSettings(
        ikey=reader.read("DUO_IKEY", _key),
        skey=reader.read("DUO_SKEY", _key),
        host=reader.read("DUO_API_HOST", api_host),
        account_id=account.account_id,
        retry_base_seconds=reader.read("DUO_RETRY_BASE_SECONDS", _seconds, 30.0),
        retry_attempts=reader.read("DUO_RETRY_ATTEMPTS", _at_least(1), 8),
    )


def _feed(reader: _Reader, environ: Mapping[str, str]) -> FeedSettings:
    prefix, work_prefix = _prefixes(reader)
    return FeedSettings(
        bucket=reader.read("S3_BUCKET", str),
        prefix=prefix,
        work_prefix=work_prefix,
        record_format=reader.read("DUO_RECORD_FORMAT", record_format, "secops"),
        base_work_prefix=_Reader(environ).read("S3_WORK_PREFIX", object_prefix, WORK_PREFIX),
    )


def _prefixes(reader: _Reader) -> tuple[str, str]:
    feed = reader.read("S3_PREFIX", object_prefix, "duo-telephony/")
    work = reader.read("S3_WORK_PREFIX", object_prefix, WORK_PREFIX)
    if feed.startswith(work) or work.startswith(feed):
        reader.wrong.append(
            f"S3_PREFIX ({feed or 'the whole bucket'}) and S3_WORK_PREFIX ({work or 'the whole bucket'}) must"
            " not contain each other, since SecOps reads all that lies under the first"
        )
    return feed, work


def _key(text: str) -> str:
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("is no key of Duo's: one has letters and digits alone")
    return text


def object_prefix(text: str) -> str:
    """Read a prefix: no slash before it, one after it."""
    text = text.strip("/")
    return f"{text}/" if text else ""


def _topic_arn(text: str) -> str:
    if not re.fullmatch(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]+", text, re.ASCII):
        raise ValueError("must be the ARN of an SNS topic, as in arn:aws:sns:eu-central-1:123456789012:duo")
    return text


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text):
        raise ValueError("must be a URL, as in https://dagster.example.com")
    return text.rstrip("/")


def record_format(text: str) -> RecordFormat:
    """Read how lines are written.

    Raises:
        ValueError: It is no format.
    """
    match text:
        case "secops" | "verbatim":
            return text
        case _:
            raise ValueError("must be secops or verbatim")


def first_hour(text: str) -> datetime:
    """Read the first hour, which is one in UTC.

    Raises:
        ValueError: It is no whole hour, or none that there is.
    """
    if not re.fullmatch(r"\d{4}-\d\d-\d\d-\d\d:00", text):
        raise ValueError("must be a whole hour in UTC, as in 2026-01-01-00:00")
    try:
        return datetime.strptime(text, HOUR_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        raise ValueError("names an hour that does not exist") from None


def _at_least(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise ValueError(f"must be a whole number, {least} or more")
        return int(text)

    return parse


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise ValueError("must be a number of seconds from 0 to 3600")
    return seconds


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
