"""The settings: whether each of them can be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from duo_pipeline.config import settings
from duo_pipeline.config.account import Account
from duo_pipeline.config.secrets_manager import with_keys
from duo_pipeline.config.settings import HOUR_FORMAT, DuoSettings, FeedSettings, HourSettings, SettingsError
from duo_pipeline.preflight.lines import Group

DUO, S3, HOURS = "Duo", "S3", "hours"


@dataclass(slots=True)
class ReadSettings:
    """The settings that could be read; None for those that are missing or wrong, which the group names."""

    duo: DuoSettings | None = None
    feed: FeedSettings | None = None
    hours: HourSettings | None = None
    group: Group = field(default_factory=lambda: Group("settings", DUO, S3, HOURS))


def read(environ: Mapping[str, str], account: Account) -> ReadSettings:
    """Read all settings of an account."""
    found = ReadSettings()
    try:
        found.duo = settings.parse(DuoSettings, with_keys(account.texts(environ)), account)
        of = f", of its child account {found.duo.account_id}" if found.duo.account_id else ""
        found.group.ok(DUO, f"The Admin API is {found.duo.host.url}{of}.")
    except SettingsError as error:
        found.group.fail(DUO, str(error))
    try:
        found.feed = settings.feed(environ, account)
        uri = f"s3://{found.feed.bucket}/{found.feed.prefix}"
        found.group.ok(S3, f"SecOps reads {uri}; everything else goes to {found.feed.work_prefix}.")
    except SettingsError as error:
        found.group.fail(S3, str(error))
    try:
        found.hours = settings.hours(environ, account)
        found.group.ok(
            HOURS,
            f"The first hour is {found.hours.start.strftime(HOUR_FORMAT)} UTC. Each hour is read"
            f" {found.hours.settle_minutes} minutes after its end.",
        )
    except SettingsError as error:
        found.group.fail(HOURS, str(error))
    return found
