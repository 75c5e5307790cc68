"""Receipts: whether SecOps has as many events of each hour as the feed has lines, and if not, why."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from duo_pipeline.secops import feeds
from duo_pipeline.secops.api import SecOps
from duo_pipeline.secops.errors import SecOpsError
from duo_pipeline.secops.feeds import SecOpsFeed
from duo_pipeline.secops.queries import MOST_ROWS
from duo_pipeline.secops.received import (
    PlatformCounts,
    Received,
    events_by_record,
    platform_counts,
    received_by_hour,
)

Status = Literal["received", "missing", "doubled", "not yet", "not countable"]
HOUR = timedelta(hours=1)
_NAMED = 3
_NOT_COUNTABLE = (
    "{:,} of {:,} lines cannot be counted in SecOps, because they lack an event time or a host that only this"
    " account has: set DUO_RECORD_FORMAT=secops, which changes only new lines. Accounts that share a host"
    " cannot be told apart."
)
_CURES = {
    "doubled": "SecOps cannot take events back: docs/secops.md says what to do.",
    "missing": "When the cause is gone, docs/secops.md says how to send the lines again.",
}


@dataclass(frozen=True, slots=True)
class HourInFeed:
    """What the feed has of an hour.

    Attributes:
        hour: The start of the hour, in UTC.
        lines: How many lines.
        countable: How many of them SecOps can count: they have an event time, and a host that only this
            account has.
        landed: When the newest of its objects was written, in UTC; None without objects.
    """

    hour: datetime
    lines: int
    countable: int
    landed: datetime | None


class FeedLine(NamedTuple):
    """A line of the feed: the id of its record, and where it is."""

    record: str
    object: str
    number: int


class Difference(NamedTuple):
    """A record of which SecOps has more or fewer events than the feed has lines.

    Attributes:
        record: The record's id.
        object: The object of its first line; empty if the feed does not have the record.
        lines: How many lines the feed has of it.
        events: How many events SecOps has of it.
    """

    record: str
    object: str
    lines: int
    events: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What SecOps has of an hour, compared with the feed.

    Attributes:
        in_feed: What the feed has.
        has: What SecOps has.
        status: The verdict.
        sentence: Why, and what to do.
        refused: How many lines SecOps has refused since the hour began, of all accounts; None if it was not
            asked.
        differences: The records that differ; None if they were not asked for.
    """

    in_feed: HourInFeed
    has: Received
    status: Status
    sentence: str
    refused: int | None = None
    differences: Sequence[Difference] | None = None

    @property
    def is_red(self) -> bool:
        """Whether events are missing or doubled."""
        return self.status in ("missing", "doubled")


LinesOf = Callable[[datetime], Iterable[FeedLine]]


def receipts(
    secops: SecOps,
    hours: Sequence[HourInFeed],
    *,
    host: str,
    uri: str,
    now: datetime,
    wait: timedelta,
    lines_of: LinesOf,
) -> list[Receipt]:
    """Return the receipts of hours, in their order.

    If SecOps has everything, it costs one request for 90 days. If not, one request asks what the feeds say of
    themselves, one lists the records of the hours that are there in part, and one asks what was refused.

    Args:
        secops: The instance.
        hours: What the feed has of each hour, in order of time.
        host: The host of the account's lines.
        uri: The prefix of the feed, ``s3://bucket/prefix/``.
        now: The time, in UTC.
        wait: How long after landing an hour is not red yet.
        lines_of: Returns the lines of an hour.

    Raises:
        SecOpsError: SecOps refused to count the events, or could not be reached.
    """
    counts = received_by_hour(secops, hours[0].hour, hours[-1].hour + HOUR, host)
    of_hours = [(one, counts.get(one.hour, Received())) for one in hours]
    wanted = [in_feed.hour for in_feed, has in of_hours if _needs_list(in_feed, has, now, wait)]
    listed = _listed(secops, wanted, counts, host)
    found = []
    for in_feed, has in of_hours:
        differences = None
        if in_feed.hour in listed:
            differences = list(_differences(lines_of(in_feed.hour), listed[in_feed.hour]))
        found.append(_judged(in_feed, has, differences, now, wait))
    if any(receipt.is_red for receipt in found):
        return _explained(secops, found, uri, now)
    return found


def _needs_list(in_feed: HourInFeed, has: Received, now: datetime, wait: timedelta) -> bool:
    """Return whether the records of an hour must be listed: it is there in part, doubled, or may be both."""
    if has.events == 0 or _is_early(in_feed, now, wait):
        return False
    return has.events != in_feed.countable or has.records < has.events


def _is_early(in_feed: HourInFeed, now: datetime, wait: timedelta) -> bool:
    return in_feed.landed is not None and now < in_feed.landed + wait


def _listed(
    secops: SecOps, wanted: Sequence[datetime], counts: Mapping[datetime, Received], host: str
) -> dict[datetime, dict[str, int]]:
    """Return SecOps' records of the newest of these hours, as many as one query can list."""
    chosen: list[datetime] = []
    for hour in reversed(wanted):
        between = (has.records for at, has in counts.items() if hour <= at <= wanted[-1])
        if sum(between) >= MOST_ROWS:
            break
        chosen.append(hour)
    if not chosen:
        return {}
    found = events_by_record(secops, chosen[-1], chosen[0] + HOUR, host)
    return {hour: found.get(hour, {}) for hour in chosen}


def _differences(lines: Iterable[FeedLine], events: dict[str, int]) -> Iterable[Difference]:
    in_feed: Counter[str] = Counter()
    first: dict[str, str] = {}
    for record, object_, _ in lines:
        in_feed[record] += 1
        first.setdefault(record, object_)
    for record in sorted({*in_feed, *events}):
        if record and in_feed[record] != events.get(record, 0):
            yield Difference(record, first.get(record, ""), in_feed[record], events.get(record, 0))


def _judged(
    in_feed: HourInFeed,
    has: Received,
    differences: Sequence[Difference] | None,
    now: datetime,
    wait: timedelta,
) -> Receipt:
    status, sentence = _verdict(in_feed, has, differences)
    receipt = Receipt(in_feed, has, status, sentence, None, differences)
    if receipt.is_red and in_feed.landed and _is_early(in_feed, now, wait):
        return replace(
            receipt,
            status="not yet",
            sentence=f"SecOps has {has.events:,} of {in_feed.lines:,} events so far. It shows counts up to"
            f" two hours late: this hour is judged from {in_feed.landed + wait:%Y-%m-%d %H:%M} UTC on.",
        )
    return receipt


def _verdict(
    in_feed: HourInFeed, has: Received, differences: Sequence[Difference] | None
) -> tuple[Status, str]:
    lines, countable, events = in_feed.lines, in_feed.countable, has.events
    missing = sum(max(one.lines - one.events, 0) for one in differences or ())
    doubled = sum(max(one.events - one.lines, 0) for one in differences or ())
    also = f" {missing:,} others are missing." if missing else ""
    if lines and not countable:
        return "not countable", _NOT_COUNTABLE.format(lines, lines)
    if events > countable or (events == countable and doubled):
        more = events - countable if events > countable else doubled
        return "doubled", f"SecOps has {events:,} events of {countable:,} lines: {more:,} too many.{also}"
    if events < countable:
        twice = f" {doubled:,} events are too many." if doubled else ""
        lost = max(missing, countable - events)
        return "missing", f"SecOps has {events:,} of {countable:,} events: {lost:,} are missing.{twice}"
    if countable < lines:
        return "not countable", _NOT_COUNTABLE.format(lines - countable, lines)
    if not lines:
        return "received", "The hour has no lines, and SecOps has no events of it."
    return "received", f"SecOps has {events:,} of {lines:,} events, each once."


def _explained(secops: SecOps, found: Sequence[Receipt], uri: str, now: datetime) -> list[Receipt]:
    """Return the receipts, the red ones with what the feeds say of themselves and what to do."""
    counts = None
    try:
        readers = feeds.readers(secops, uri)
        about = _about_feeds(readers, uri)
        missing = [one.in_feed.hour for one in found if one.status == "missing"]
        if missing and len(readers) == 1 and readers[0].is_at_work:
            counts = platform_counts(secops, missing[0], now)
    except SecOpsError as error:
        about = str(error)
    explained = []
    since: datetime | None = None
    for receipt in found:
        since = (since or receipt.in_feed.hour) if receipt.status == "missing" else None
        if not receipt.is_red:
            explained.append(receipt)
            continue
        parts = [receipt.sentence, _since(receipt, since), _objects(receipt), about]
        refused = None
        if counts and receipt.status == "missing":
            refused = counts.unparsed + counts.invalid
            parts.append(_about_platform(counts, receipt))
        parts.append(_CURES[receipt.status])
        explained.append(replace(receipt, sentence=" ".join(filter(None, parts)), refused=refused))
    return explained


def _about_platform(counts: PlatformCounts, receipt: Receipt) -> str:
    """Return what the platform's own counts say about missing events; they are of all accounts."""
    refused = counts.unparsed + counts.invalid
    if refused:
        return (
            f"SecOps has refused {refused:,} lines of this log type since events are missing: look at its"
            " parser (SIEM Settings, Parsers)."
        )
    if counts.events and not receipt.has.events:
        return (
            f"SecOps has made {counts.events:,} events of this log type since then: if they are these, its"
            " parser no longer writes the host or the time, which the check parser_as_modelled shows."
        )
    return ""


def _since(receipt: Receipt, since: datetime | None) -> str:
    if since is None or since == receipt.in_feed.hour:
        return ""
    return f"Events are missing since {since:%Y-%m-%d %H:%M} UTC."


def _about_feeds(readers: Sequence[SecOpsFeed], uri: str) -> str:
    on = [feed for feed in readers if not feed.is_off]
    if not readers:
        return f"No feed of the instance reads {uri}: create one with `duo-pipeline feed --create`."
    if len(on) > 1:
        return (
            f"{len(on)} feeds read {uri}, so that every line is ingested more than once: disable all but one"
            f" of {feeds.names(on)}."
        )
    return (on or readers)[0].sentence


def _objects(receipt: Receipt) -> str:
    """Name the objects that explain the differences."""
    differences = receipt.differences or ()
    objects = list(dict.fromkeys(one.object for one in differences if one.object))
    if not objects:
        return ""
    named = ", ".join(one.rpartition("/")[2] for one in objects[:_NAMED])
    more = f" and {len(objects) - _NAMED} more" if len(objects) > _NAMED else ""
    return f"They are lines of {named}{more}."
