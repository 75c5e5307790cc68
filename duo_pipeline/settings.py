"""The settings, from the environment, each checked and each fault named in a sentence."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from duo_pipeline.duo.host import ApiHost, api_host
from duo_pipeline.landing.line import RecordFormat

HOUR_FORMAT = "%Y-%m-%d-%H:%M"
"""How Dagster writes the key of an hourly partition."""
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
    retry_base_seconds: float
    retry_attempts: int


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """Where and how lines are written (``S3_*``, ``DUO_RECORD_FORMAT``)."""

    bucket: str
    prefix: str
    work_prefix: str
    record_format: RecordFormat


@dataclass(frozen=True, slots=True)
class HourSettings:
    """Which hours there are and when they are looked at; read when the code location loads.

    Attributes:
        start: The first hour, in UTC.
        settle_minutes: How long after its end an hour is settled.
        lookback_hours: Among so many settled hours the schedule looks for missing ones.
        reconcile_hours: So many settled hours are read again for late records.
    """

    start: datetime
    settle_minutes: int
    lookback_hours: int
    reconcile_hours: int


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

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.missing: list[str] = []
        self.wrong: list[str] = []
        self._environ = environ

    def read(self, name: str, parse: Callable[[str], T], default: T | None = None) -> T:
        text = self._environ.get(name, "").strip()
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


def duo_and_feed(environ: Mapping[str, str]) -> tuple[DuoSettings, FeedSettings]:
    """Read what landing an hour needs.

    Raises:
        SettingsError: Names all that is missing or wrong.
    """
    reader = _Reader(environ)
    duo, feed = _duo(reader), _feed(reader)
    reader.finish()
    return duo, feed


def duo(environ: Mapping[str, str]) -> DuoSettings:
    """Read what asking Duo needs.

    Raises:
        SettingsError: Names all that is missing or wrong.
    """
    reader = _Reader(environ)
    settings = _duo(reader)
    reader.finish()
    return settings


def feed(environ: Mapping[str, str]) -> FeedSettings:
    """Read what looking at landed lines needs: no key of Duo's is among it.

    Raises:
        SettingsError: Names all that is missing or wrong.
    """
    reader = _Reader(environ)
    settings = _feed(reader)
    reader.finish()
    return settings


def hours(environ: Mapping[str, str]) -> HourSettings:
    """Read which hours there are.

    Raises:
        SettingsError: Names all that is wrong.
    """
    reader = _Reader(environ)
    settings = HourSettings(
        start=reader.read("DUO_PARTITIONS_START", _hour, datetime(2026, 1, 1, tzinfo=UTC)),
        settle_minutes=reader.read("DUO_SETTLE_MINUTES", _at_least(DUO_DELAY_MINUTES), 5),
        lookback_hours=reader.read("DUO_LOOKBACK_HOURS", _at_least(1), 168),
        reconcile_hours=reader.read("DUO_RECONCILE_HOURS", _at_least(1), 48),
    )
    reader.finish()
    return settings


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


def _duo(reader: _Reader) -> DuoSettings:
    return DuoSettings(
        ikey=reader.read("DUO_IKEY", _key),
        skey=reader.read("DUO_SKEY", _key),
        host=reader.read("DUO_API_HOST", api_host),
        retry_base_seconds=reader.read("DUO_RETRY_BASE_SECONDS", _seconds, 30.0),
        retry_attempts=reader.read("DUO_RETRY_ATTEMPTS", _at_least(1), 8),
    )


def _feed(reader: _Reader) -> FeedSettings:
    settings = FeedSettings(
        bucket=reader.read("S3_BUCKET", str),
        prefix=reader.read("S3_PREFIX", _prefix, "duo-telephony/"),
        work_prefix=reader.read("S3_WORK_PREFIX", _prefix, "duo-telephony-work/"),
        record_format=reader.read("DUO_RECORD_FORMAT", _record_format, "secops"),
    )
    feed, work = settings.prefix, settings.work_prefix
    if feed.startswith(work) or work.startswith(feed):
        reader.wrong.append(
            f"S3_PREFIX ({feed or 'the whole bucket'}) and S3_WORK_PREFIX ({work or 'the whole bucket'}) must"
            " not contain each other, since SecOps reads all that lies under the first"
        )
    return settings


def _key(text: str) -> str:
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("is no key of Duo's: one has letters and digits alone")
    return text


def _prefix(text: str) -> str:
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


def _record_format(text: str) -> RecordFormat:
    match text:
        case "secops" | "verbatim":
            return text
        case _:
            raise ValueError("must be secops or verbatim")


def _hour(text: str) -> datetime:
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
