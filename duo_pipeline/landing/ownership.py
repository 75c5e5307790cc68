"""Which feed a work prefix belongs to: a changed setting would deliver to SecOps once more what it has.

What has landed is known by what lies in the feed. Below another prefix nothing is known to have landed, and
all that is read would land there anew. So from the first run on ``feed.json`` in the work prefix names the
feed and the Duo account.
"""

from dataclasses import asdict, dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from duo_pipeline import ndjson
from duo_pipeline.landing import keys
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.bucket import Bucket, BucketError
from duo_pipeline.landing.feed import Feed


@dataclass(frozen=True, slots=True)
class _Owner:
    """What ``feed.json`` holds.

    Attributes:
        feed: The ``s3://`` URI of the feed.
        duo_account: The host of the Admin API, and after a slash the child account's id, if it has one; empty
            if nobody said.
    """

    feed: str
    duo_account: str

    @property
    def is_of_this_machine(self) -> bool:
        """Whether the account is an emulator's, which has another port each time that it starts."""
        host = urlsplit(f"//{self.duo_account}").hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


def claim(feed: Feed, *, base_work_prefix: str, duo_account: str) -> None:
    """Make sure that the work prefix belongs to the feed, and note that it does if nobody has.

    It costs one request, and some more the first time.

    Args:
        feed: The feed that is about to be written.
        base_work_prefix: S3_WORK_PREFIX itself, below which the work prefixes of all accounts lie.
        duo_account: What tells the Duo account from others; if it is empty, only feeds are compared.

    Raises:
        BucketError: The work prefix belongs to another feed or Duo account, or the Duo account has another
            feed; or S3 refused or could not be reached.
    """
    mine = _Owner(feed.bucket.uri(feed.prefix), duo_account)
    if _is_noted(feed, base_work_prefix, mine):
        return
    with Body() as body:
        body.write(ndjson.line(asdict(mine)))
        written = feed.bucket.put_new(keys.owner_key(feed.work_prefix), body)
    if not written:  # another run was faster
        _is_noted(feed, base_work_prefix, mine)


def check_claim(feed: Feed, *, base_work_prefix: str, duo_account: str) -> None:
    """Return if `claim` would, without writing anything; what it takes and raises is the same."""
    _is_noted(feed, base_work_prefix, _Owner(feed.bucket.uri(feed.prefix), duo_account))


def _is_noted(feed: Feed, base_work_prefix: str, mine: _Owner) -> bool:
    """Return whether it is noted that the work prefix belongs to the feed; False if nothing is noted.

    Raises:
        BucketError: As `claim`.
    """
    note = keys.owner_key(feed.work_prefix)
    noted = _read(feed.bucket, note)
    if noted:
        _compare(noted, mine, feed.bucket.uri(note))
        return True
    if mine.duo_account:
        for folder in ("", *feed.bucket.folders(base_work_prefix)):
            note = keys.owner_key(f"{base_work_prefix}{folder}")
            other = _read(feed.bucket, note)
            if other and other.duo_account == mine.duo_account:
                _compare(other, mine, feed.bucket.uri(note))
    return False


def _compare(noted: _Owner, mine: _Owner, note: str) -> None:
    if noted.feed != mine.feed:
        raise BucketError(
            f"The feed was {noted.feed} so far, as {note} says, and is {mine.feed} now, so that what has"
            " landed would be delivered to SecOps once more, as far back as Duo keeps it: set S3_PREFIX, or"
            " the account's name or prefixes, back to what they were, or, to deliver again on purpose or"
            f" after moving the objects, delete {note}."
        )
    unknown = not (noted.duo_account and mine.duo_account)
    emulated = noted.is_of_this_machine and mine.is_of_this_machine
    if noted.duo_account != mine.duo_account and not unknown and not emulated:
        raise BucketError(
            f"{noted.feed} is the feed of the Duo account {noted.duo_account}, as {note} says, and the"
            f" records of {mine.duo_account} would mix with its records: give this account an S3_PREFIX and"
            " an S3_WORK_PREFIX of its own, or, if it is the same account under a new name, delete"
            f" {note}."
        )


def _read(bucket: Bucket, key: str) -> _Owner | None:
    try:
        record = ndjson.record(b"\n".join(bucket.lines(key)))
    except BucketError as error:
        if error.code == "NoSuchKey":
            return None
        raise
    match record:
        case {"feed": str(feed), "duo_account": str(duo_account)}:
            return _Owner(feed, duo_account)
        case _:
            raise BucketError(
                f"{bucket.uri(key)} does not name the feed and the Duo account of its work prefix: take back"
                " an earlier version of it, or delete it if S3_PREFIX and the names of the accounts are what"
                " they were."
            )
