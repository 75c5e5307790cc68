"""The settings: whether each of them can be read."""

from collections.abc import Mapping
from typing import NamedTuple

from duo_pipeline.config import settings
from duo_pipeline.config.account import Account
from duo_pipeline.config.secrets_manager import with_keys
from duo_pipeline.config.settings import HOUR_FORMAT, DuoSettings, FeedSettings, HourSettings
from duo_pipeline.preflight.lines import Group

DUO, S3, HOURS = "Duo", "S3", "hours"


class ReadSettings(NamedTuple):
    """The settings that could be read; None for those that are missing or wrong, which the group names."""

    duo: DuoSettings | None
    feed: FeedSettings | None
    hours: HourSettings | None
    group: Group


def read(environ: Mapping[str, str], account: Account) -> ReadSettings:
    """Read all settings of an account."""
    group = Group("settings", DUO, S3, HOURS)
    duo = group.tried(DUO, lambda: settings.parse(DuoSettings, with_keys(account.texts(environ)), account))
    if duo:
        of = f", of its child account {duo.account_id}" if duo.account_id else ""
        group.ok(DUO, f"The Admin API is {duo.host.url}{of}.")
    feed = group.tried(S3, lambda: settings.feed(environ, account))
    if feed:
        uri = f"s3://{feed.bucket}/{feed.prefix}"
        group.ok(S3, f"SecOps reads {uri}; everything else goes to {feed.work_prefix}.")
    hours = group.tried(HOURS, lambda: settings.hours(environ, account))
    if hours:
        group.ok(
            HOURS,
            f"The first hour is {hours.start.strftime(HOUR_FORMAT)} UTC. Each hour is read"
            f" {hours.settle_minutes} minutes after its end.",
        )
    return ReadSettings(duo, feed, hours, group)
