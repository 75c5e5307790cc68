"""The feeds of an instance: which read a prefix, what they say of themselves; create and update one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from duo_pipeline.secops.api import Json, SecOps
from duo_pipeline.secops.feed_body import MAX_LOOKBACK_DAYS
from duo_pipeline.secops.instance import LOG_TYPE

LIST, CREATE, UPDATE = "chronicle.feeds.list", "chronicle.feeds.create", "chronicle.feeds.update"
_SETTINGS = ("amazon_s3_v2_settings", "amazon_s3_settings", "amazon_sqs_v2_settings", "amazon_sqs_settings")
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class SecOpsFeed:
    """A feed that reads a bucket, and what it says of itself.

    Attributes:
        name: Its resource name.
        display_name: Its name in the UI.
        uri: The prefix that it reads, ``s3://bucket/prefix/``.
        log_type: The id of its log type.
        source: The name of its kind, for example ``AMAZON_S3_V2``.
        state: ``ACTIVE``, ``INACTIVE``, ``RUNNING``, ``SUCCEEDED`` or ``FAILED``.
        deletes: Whether it deletes what it has read.
        lookback_days: How old an object may be that it reads; 0 if it does not say.
        last_transfer: When a transfer last succeeded, in UTC; None if none did.
        failure: What Google says of the last failure: its cause, and what to do; empty if it is not failed.
    """

    name: str
    display_name: str
    uri: str
    log_type: str
    source: str
    state: str
    deletes: bool
    lookback_days: int
    last_transfer: datetime | None
    failure: str

    @property
    def is_off(self) -> bool:
        """Whether somebody has disabled it."""
        return self.state == "INACTIVE"

    @property
    def is_at_work(self) -> bool:
        """Whether it is enabled, and its last transfer has not failed."""
        return self.state not in ("INACTIVE", "FAILED")

    @property
    def sentence(self) -> str:
        """Return what it says of itself, and what to do."""
        last = "it has not transferred anything yet"
        if self.last_transfer:
            last = f"its last transfer was at {self.last_transfer:%Y-%m-%d %H:%M} UTC"
        name = f"The feed {self.display_name or self.name}"
        match self.state:
            case "INACTIVE":
                return f"{name} is disabled, and {last}: enable it in SecOps (SIEM Settings, Feeds)."
            case "FAILED":
                return f"{name} has failed, and {last}: {self.failure or 'it does not say why'}."
            case state:
                return f"{name} says {state}, and {last}."

    def differences(self) -> list[str]:
        """Return what is not as this project creates it: clauses that follow the feed's name."""
        found = []
        if self.log_type != LOG_TYPE:
            found.append(f"has the log type {self.log_type} instead of {LOG_TYPE}")
        if self.source != "AMAZON_S3_V2":
            found.append(f"is of the kind {self.source} instead of AMAZON_S3_V2, which replaces it")
        if self.deletes:
            found.append("deletes what it has read, and a deleted object is landed and ingested again")
        if 0 < self.lookback_days < MAX_LOOKBACK_DAYS:
            days = f"{self.lookback_days} days instead of {MAX_LOOKBACK_DAYS}"
            found.append(f"ignores objects older than {days}")
        return found


def readers(secops: SecOps, uri: str) -> list[SecOpsFeed]:
    """Return the feeds that read the objects of a prefix, or some of them: enabled ones first.

    It costs one request for 1,000 feeds.

    Args:
        secops: The instance.
        uri: The prefix, ``s3://bucket/prefix/``.

    Raises:
        SecOpsError: SecOps refused the request, or could not be reached.
    """
    feeds, token = list[SecOpsFeed](), ""
    while True:
        request = {"parent": secops.name, "page_size": _PAGE, "page_token": token}
        page = next(secops.call("list its feeds", LIST, secops.feeds.list_feeds, request).pages)
        feeds += [_state(type(feed).pb(feed)) for feed in page.feeds]
        token = page.next_page_token
        if not token:
            break
    wanted = _folder(uri)
    found = [feed for feed in feeds if feed.uri and _overlap(_folder(feed.uri), wanted)]
    return sorted(found, key=lambda feed: feed.is_off)


def create(secops: SecOps, body: Json) -> str:
    """Create a feed from the body of `feed_body.feed_body`, and return its resource name.

    Raises:
        SecOpsError: As in `readers`.
    """
    from google.cloud import chronicle_v1
    from google.protobuf.json_format import ParseDict

    feed = chronicle_v1.Feed()
    ParseDict(body, type(feed).pb(feed))
    request = chronicle_v1.CreateFeedRequest(parent=secops.name, feed=feed)
    return str(secops.call("create the feed", CREATE, secops.feeds.create_feed, request).name)


def update(secops: SecOps, name: str, body: Json) -> None:
    """Bring an existing feed in line with the body of `feed_body.feed_body`; its display name stays.

    Raises:
        SecOpsError: As in `readers`.
    """
    from google.cloud import chronicle_v1
    from google.protobuf.json_format import ParseDict

    feed = chronicle_v1.Feed()
    ParseDict({"name": name, "details": body["details"]}, type(feed).pb(feed))
    request = chronicle_v1.UpdateFeedRequest(feed=feed, update_mask="details")
    secops.call("update the feed", UPDATE, secops.feeds.update_feed, request)


def names(feeds: Sequence[SecOpsFeed]) -> str:
    """Return the names of feeds, for a sentence."""
    return " and ".join(feed.display_name or feed.name for feed in feeds)


def _state(feed: Any) -> SecOpsFeed:  # noqa: ANN401 - Google's messages have no types
    details = feed.details
    used = next((name for name in _SETTINGS if details.HasField(name)), "")
    settings = getattr(details, used) if used else None
    enums = type(details).DESCRIPTOR.fields_by_name["feed_source_type"].enum_type.values_by_number
    transferred = feed.HasField("last_feed_initiation_time")
    failure = feed.failure_details
    said = [failure.error_cause or feed.failure_msg, failure.error_action]
    return SecOpsFeed(
        name=feed.name,
        display_name=feed.display_name,
        uri=settings.s3_uri if settings is not None else "",
        log_type=details.log_type.rpartition("/")[2],
        source=enums[details.feed_source_type].name if details.feed_source_type in enums else "unknown",
        state=type(feed).State.Name(feed.state),
        deletes=settings is not None and _deletes(settings),
        lookback_days=getattr(settings, "max_lookback_days", 0),
        last_transfer=feed.last_feed_initiation_time.ToDatetime(UTC) if transferred else None,
        failure="; ".join(" ".join(text.split()).rstrip(".") for text in said if text)
        if feed.state == feed.FAILED
        else "",
    )


def _deletes(settings: Any) -> bool:  # noqa: ANN401 - Google's messages have no types
    field = type(settings).DESCRIPTOR.fields_by_name.get("source_deletion_option")
    if field is None:
        return False
    value = field.enum_type.values_by_number.get(settings.source_deletion_option)
    return value is not None and "ON_SUCCESS" in value.name


def _folder(uri: str) -> str:
    return uri.rstrip("/") + "/"


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
