"""SecOps: the rights, the feed that reads the prefix, and the parser."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from duo_pipeline.config.secops import secops
from duo_pipeline.config.settings import FeedSettings
from duo_pipeline.preflight.lines import Group
from duo_pipeline.secops import feeds, parser
from duo_pipeline.secops.api import SecOps
from duo_pipeline.secops.feeds import SecOpsFeed
from duo_pipeline.secops.received import platform_counts
from duo_pipeline.udm.invented import invented_lines

SETTINGS, QUERIES, FEEDS, FEED, TRANSFER, PARSERS, RUN = (
    *("settings", "count events", "list feeds", "feed", "last transfer", "parser", "run parser"),
)
SILENT = timedelta(hours=6)
"""A feed looks for objects about every 15 minutes."""


def check(environ: Mapping[str, str], feed_settings: FeedSettings | None) -> Group:
    """Ask SecOps what a receipt asks, and look at the feed that reads the prefix. It changes nothing.

    Args:
        environ: Where the settings are.
        feed_settings: The settings of the feed; without them, no feed is looked for.
    """
    group = Group("SecOps", SETTINGS, QUERIES, FEEDS, FEED, TRANSFER, PARSERS, RUN)
    asked = group.tried(SETTINGS, lambda: secops(environ).open())
    if asked is None:
        return group
    group.ok(SETTINGS, f"The instance is {asked.name}.")
    now = datetime.now(UTC)
    counts = group.tried(QUERIES, lambda: platform_counts(asked, now - timedelta(days=1), now))
    if counts:
        refused = counts.unparsed + counts.invalid
        said = f"SecOps took {counts.logs:,} lines of this log type in the last day, and refused {refused:,}"
        (group.warn if refused else group.ok)(QUERIES, f"{said}, of all accounts.")
    if feed_settings:
        uri = f"s3://{feed_settings.bucket}/{feed_settings.prefix}"
        readers = group.tried(FEEDS, lambda: feeds.readers(asked, uri))
        if readers is not None:
            group.ok(FEEDS, "The feeds can be listed.")
            _look_at_feeds(group, readers, uri, now)
    _look_at_parser(group, asked)
    return group


def _look_at_feeds(group: Group, readers: list[SecOpsFeed], uri: str, now: datetime) -> None:
    on = [feed for feed in readers if not feed.is_off]
    if not readers:
        group.fail(FEED, f"No feed reads {uri}: create one with `duo-pipeline feed --create`.")
        return
    if len(on) > 1:
        group.fail(
            FEED,
            f"{len(on)} feeds read {uri}, so that SecOps ingests every line more than once: disable all but"
            f" one of {feeds.names(on)}.",
        )
        return
    feed = (on or readers)[0]
    differences = feed.differences()
    if feed.is_off:
        group.fail(FEED, feed.sentence)
    elif differences:
        wrong = " and ".join(differences)
        group.fail(
            FEED, f"The feed {feed.display_name} {wrong}: `duo-pipeline feed --update` brings it in line."
        )
    else:
        group.ok(FEED, f"The feed {feed.display_name} reads {uri}, and deletes nothing.")
    if not feed.is_at_work:
        group.fail(TRANSFER, feed.sentence)
    elif feed.last_transfer is None or now - feed.last_transfer > SILENT:
        group.warn(TRANSFER, feed.sentence)
    else:
        group.ok(TRANSFER, feed.sentence)


def _look_at_parser(group: Group, asked: SecOps) -> None:
    active = group.tried(PARSERS, lambda: parser.active_parser(asked))
    if active is None:
        return
    if active.is_googles and not active.extension:
        group.ok(PARSERS, f"The active parser is {active.sentence}.")
    else:
        group.warn(
            PARSERS,
            f"The active parser is {active.sentence}: what this project says of events may not hold for it."
            " See the check parser_as_modelled.",
        )
    made = group.tried(RUN, lambda: list(parser.run(asked, active, invented_lines()[:1])))
    if made is not None:
        group.ok(RUN, "It can be run on lines.")
