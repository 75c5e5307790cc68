"""The bucket: that it is there, what the credentials allow, and that the feed has only log objects."""

from collections.abc import Sequence

from dagster_aws.s3 import S3Resource

from duo_pipeline.config.settings import DuoSettings, FeedSettings
from duo_pipeline.defs import resources
from duo_pipeline.landing.bucket import BucketError
from duo_pipeline.landing.feed import Feed
from duo_pipeline.landing.keys import probe_key
from duo_pipeline.landing.store_check import check_store
from duo_pipeline.preflight.foreign_objects import look_at_feed, look_at_work_prefix
from duo_pipeline.preflight.lines import Group

BUCKET, LIST, PUT, GET, WORK, FEED = "bucket", "list", "put", "get", "work prefix", "feed"


def check(settings: FeedSettings | None, duo: DuoSettings | None) -> Group:
    """Do in the bucket what a run does, but write nothing below the feed: SecOps reads everything there.

    This writes one object with a fixed name below the work prefix. The object stays: the pipeline may not
    delete.

    Args:
        settings: The feed's settings; without them, nothing is tried.
        duo: The settings of the feed's Duo account; without them, the accounts are not compared.
    """
    group = Group("S3", BUCKET, LIST, PUT, GET, WORK, FEED)
    if settings is None:
        return group
    try:
        feed = resources.open_feed(settings, resources.s3_client(S3Resource(max_attempts=1)))
        keys = _list(group, feed)
    except BucketError as error:
        group.fail(BUCKET, str(error))
        return group
    group.ok(BUCKET, "It exists, and S3 knows the credentials.")
    if _put(group, feed) and _get(group, feed, keys) and keys is not None:
        look_at_work_prefix(group, WORK, feed, settings.base_work_prefix, duo.account if duo else "")
    if keys is not None:
        look_at_feed(group, FEED, feed, keys)
    return group


def _list(group: Group, feed: Feed) -> list[str] | None:
    """Return the keys of the feed, or None if the credentials do not allow listing them.

    Raises:
        BucketError: Listing failed for another reason.
    """
    keys = None
    try:
        keys = feed.bucket.keys(feed.prefix)
        feed.bucket.keys(probe_key(feed.work_prefix))
        group.ok(LIST, "Both prefixes can be listed.")
    except BucketError as error:
        if error.code != "AccessDenied":
            raise
        group.fail(LIST, str(error))
    return keys


def _put(group: Group, feed: Feed) -> bool:
    """Return whether a test object can be written and read back, and report it."""
    try:
        check_store(feed.bucket, probe_key(feed.work_prefix))
    except BucketError as error:
        written = error.verb == "read"
        if written:
            group.ok(PUT, "An object can be written below the work prefix.")
        group.fail(GET if written else PUT, str(error))
        return False
    group.ok(PUT, "An object can be written below the work prefix, and S3 refuses to write it again.")
    return True


def _get(group: Group, feed: Feed, keys: Sequence[str] | None) -> bool:
    """Read the first object of the feed, if there is one; the test object has been read already."""
    try:
        for key in (keys or ())[:1]:
            next(feed.bucket.lines(key), None)
    except BucketError as error:
        group.fail(GET, str(error))
        return False
    group.ok(GET, "Objects can be read.")
    return True
