"""What lies below the two prefixes and is not the pipeline's, by name and with what to do about it."""

from collections.abc import Sequence

from duo_pipeline.adoption import lambda_objects
from duo_pipeline.landing.bucket import BucketError
from duo_pipeline.landing.feed import Feed
from duo_pipeline.landing.keys import adopted_prefix, is_log_key, is_work_key, journal_prefix
from duo_pipeline.landing.ownership import check_claim
from duo_pipeline.masking import shown_name
from duo_pipeline.preflight.lines import Group, first_names


def look_at_work_prefix(group: Group, line: str, feed: Feed, base_work_prefix: str, duo_account: str) -> None:
    """Report whether the work prefix belongs to the feed, and foreign objects where landing reads."""
    try:
        check_claim(feed, base_work_prefix=base_work_prefix, duo_account=duo_account)
        keys = [
            *feed.bucket.files(feed.work_prefix),
            *feed.bucket.keys(journal_prefix(feed.work_prefix, feed.prefix)),
            *feed.bucket.keys(adopted_prefix(feed.work_prefix, feed.prefix)),
        ]
    except BucketError as error:
        group.fail(line, str(error))
        return
    work, own = feed.work_prefix, feed.prefix
    foreign = [key.removeprefix(work) for key in keys if not is_work_key(work, own, key)]
    if not foreign:
        group.ok(line, "It belongs to this feed, or to no feed yet.")
        return
    group.warn(
        line,
        f"It belongs to this feed, or to no feed yet. These objects below {feed.bucket.uri(work)} are not the"
        f" pipeline's: {_named(foreign, work)}. They stop nothing. Delete them, unless somebody has put them"
        " there on purpose.",
    )


def look_at_feed(group: Group, line: str, feed: Feed, keys: Sequence[str]) -> None:
    """Report what lies in the feed, given all of its keys, and is not a log object."""
    foreign = [key.removeprefix(feed.prefix) for key in keys if not is_log_key(feed.prefix, key)]
    uri = feed.bucket.uri(feed.prefix)
    if not foreign:
        group.ok(line, f"Each of the {len(keys):,} objects below {uri} is a log object.")
        return
    state, files = lambda_objects.checkpoints(foreign), lambda_objects.objects(foreign)
    folders = [key for key in foreign if not key or key.endswith("/")]
    others = [key for key in foreign if key not in {*state, *files, *folders}]
    if files == foreign and _has_adopted(feed):
        group.warn(
            line,
            f"{len(files):,} objects of the Lambda lie below {uri} and were adopted: run `duo-pipeline adopt`"
            " again if the Lambda has written since.",
        )
        return
    clauses = [
        f"{_named(found, feed.prefix)} ({cure})"
        for found, cure in (
            (
                state,
                "the Lambda's checkpoint: switch the Lambda off, run `duo-pipeline adopt`, and delete this"
                " object",
            ),
            (files, "records of the Lambda: take them over with `duo-pipeline adopt`"),
            (others, "move these objects to a place outside the feed"),
            (folders, "a folder made in the S3 console: delete it, and no log object with it"),
        )
        if found
    ]
    group.fail(
        line, f"SecOps ingests everything below {uri}, and these are not log objects: {', '.join(clauses)}."
    )


def _has_adopted(feed: Feed) -> bool:
    try:
        return bool(feed.bucket.keys(adopted_prefix(feed.work_prefix, feed.prefix)))
    except BucketError:
        return False  # the line `list` says why


def _named(names: Sequence[str], prefix: str) -> str:
    """Name objects by what follows the prefix; the mark of the prefix itself has only the prefix."""
    return first_names([shown_name(name) if name else prefix for name in names])
