"""Check which feed a work prefix belongs to, because a changed setting could deliver records again.

The objects in the feed show what has landed. Under another prefix there are none, so everything would land
again and SecOps would get it twice. So the first run writes ``feed.json`` to the work prefix, which names the
feed and the Duo account, and every later run compares it with its settings.
"""

import re
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from duo_pipeline import ndjson
from duo_pipeline.landing import keys
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.bucket import Bucket, BucketError
from duo_pipeline.landing.feed import Feed
from duo_pipeline.masking import shown
from duo_pipeline.network import is_loopback

_HARMLESS = re.compile(r"(s3://)?[A-Za-z0-9.:_=-]*(/[A-Za-z0-9.:_=-]*)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Owner:
    """The content of ``feed.json``.

    Attributes:
        feed: The ``s3://`` URI of the feed.
        duo_account: The host of the Admin API, followed by a slash and the id of the child account if there
            is one; empty if it is not known.
    """

    feed: str
    duo_account: str

    @property
    def is_emulated(self) -> bool:
        """Return whether the account is that of an emulator, which has a new port after each start."""
        try:
            return is_loopback(urlsplit(f"//{self.duo_account}").hostname or "")
        except ValueError:
            return False


def claim(feed: Feed, *, base_work_prefix: str, duo_account: str) -> None:
    """Make sure that the work prefix belongs to the feed, and write ``feed.json`` if it does not exist.

    This costs one request, and a few more the first time.

    Args:
        feed: The feed that will be written.
        base_work_prefix: S3_WORK_PREFIX itself, which has the work prefixes of all accounts.
        duo_account: Identifies the Duo account; if it is empty, only the feeds are compared.

    Raises:
        BucketError: The work prefix belongs to another feed or Duo account, or the Duo account has another
            feed; or S3 refused a request or could not be reached.
    """
    own = _Owner(feed.bucket.uri(feed.prefix), duo_account)
    if _is_noted(feed, base_work_prefix, own):
        return
    with Body() as body:
        body.write(ndjson.line(asdict(own)))
        written = feed.put_new(keys.owner_key(feed.work_prefix), body)
    if not written:  # another run was faster
        _is_noted(feed, base_work_prefix, own)


def check_claim(feed: Feed, *, base_work_prefix: str, duo_account: str) -> None:
    """Raise the errors that `claim` would raise, for the same arguments, without writing anything."""
    _is_noted(feed, base_work_prefix, _Owner(feed.bucket.uri(feed.prefix), duo_account))


def _is_noted(feed: Feed, base_work_prefix: str, own: _Owner) -> bool:
    """Return whether ``feed.json`` exists and names this feed and account; False if it does not exist.

    Raises:
        BucketError: As `claim`.
    """
    note = keys.owner_key(feed.work_prefix)
    noted = _read(feed.bucket, note)
    if noted:
        _compare(noted, own, feed.bucket.uri(note))
        return True
    if own.duo_account:
        for folder in ("", *feed.bucket.folders(base_work_prefix)):
            note = keys.owner_key(f"{base_work_prefix}{folder}")
            other = _read(feed.bucket, note)
            if other and other.duo_account == own.duo_account:
                _compare(other, own, feed.bucket.uri(note))
    return False


def _compare(noted: _Owner, own: _Owner, note: str) -> None:
    feed, duo_account = _shown(noted.feed), _shown(noted.duo_account)
    if noted.feed != own.feed:
        raise BucketError(
            f"The feed has changed from {feed} (according to {note}) to {own.feed}, so SecOps would get a"
            " second copy of everything that Duo still keeps: set S3_PREFIX, or the account's name or"
            " prefixes, back to the old values. To deliver everything again on purpose, or if you have moved"
            f" the objects, delete {note}."
        )
    unknown = not (noted.duo_account and own.duo_account)
    emulated = noted.is_emulated and own.is_emulated
    if noted.duo_account != own.duo_account and not unknown and not emulated:
        raise BucketError(
            f"{feed} is the feed of the Duo account {duo_account} (according to {note}), so the records of"
            f" {own.duo_account} would be mixed with its records: give this account its own S3_PREFIX and"
            f" S3_WORK_PREFIX. If it is the same account under a new name, delete {note}."
        )


def _shown(text: str) -> str:
    """Return what ``feed.json`` names as people may see it: anybody may have written the file."""
    return text if _HARMLESS.fullmatch(text) else shown(text)


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
                f"{bucket.uri(key)} does not name the feed and the Duo account of its work prefix: restore an"
                " earlier version of it, or delete it if S3_PREFIX and the names of the accounts have not"
                " changed."
            )
