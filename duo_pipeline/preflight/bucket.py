"""The bucket: that it is there, what the credentials allow, and that the feed has only log objects."""

from collections.abc import Sequence

from dagster_aws.s3 import S3Resource

from duo_pipeline.adoption import lambda_objects
from duo_pipeline.config.settings import DuoSettings, FeedSettings
from duo_pipeline.defs import resources
from duo_pipeline.landing.bucket import BucketError
from duo_pipeline.landing.feed import Feed
from duo_pipeline.landing.keys import adopted_prefix, is_log_key, probe_key
from duo_pipeline.landing.ownership import check_claim
from duo_pipeline.landing.store_check import check_store
from duo_pipeline.preflight.lines import Group

BUCKET, LIST, PUT, GET, WORK, FEED = "bucket", "list", "put", "get", "work prefix", "feed"
NAMED = 3


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
        _look_at_work_prefix(group, feed, settings.base_work_prefix, duo.account if duo else "")
    if keys is not None:
        _look_at_feed(group, feed, keys)
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


def _look_at_work_prefix(group: Group, feed: Feed, base_work_prefix: str, duo_account: str) -> None:
    try:
        check_claim(feed, base_work_prefix=base_work_prefix, duo_account=duo_account)
        group.ok(WORK, "It belongs to this feed, or to no feed yet.")
    except BucketError as error:
        group.fail(WORK, str(error))


def _look_at_feed(group: Group, feed: Feed, keys: Sequence[str]) -> None:
    foreign = [key.removeprefix(feed.prefix) for key in keys if not is_log_key(feed.prefix, key)]
    uri = feed.bucket.uri(feed.prefix)
    if not foreign:
        group.ok(FEED, f"Each of the {len(keys):,} objects below {uri} is a log object.")
        return
    state, files = lambda_objects.checkpoints(foreign), lambda_objects.objects(foreign)
    others = [key for key in foreign if key not in {*state, *files}]
    if files == foreign and _has_adopted(feed):
        group.warn(
            FEED,
            f"{len(files):,} objects of the Lambda lie below {uri} and were adopted: run `duo-pipeline adopt`"
            " again if the Lambda has written since.",
        )
        return
    clauses = [
        f"{_named(found)} ({cure})"
        for found, cure in (
            (state, "the Lambda's: switch it off, run `duo-pipeline adopt`, and delete this object"),
            (files, "the Lambda's: `duo-pipeline adopt` takes them over"),
            (others, "move these objects to a place outside the feed"),
        )
        if found
    ]
    group.fail(
        FEED, f"SecOps ingests everything below {uri}, and these are not log objects: {', '.join(clauses)}."
    )


def _has_adopted(feed: Feed) -> bool:
    try:
        return bool(feed.bucket.keys(adopted_prefix(feed.work_prefix, feed.prefix)))
    except BucketError:
        return False  # the line `list` says why


def _named(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - NAMED:,} more" if len(keys) > NAMED else ""
    return f"{', '.join(keys[:NAMED])}{more}"
