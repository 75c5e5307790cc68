"""The keys of the objects in the bucket."""

import re
from collections.abc import Iterable
from datetime import date, datetime

from duo_pipeline.landing.line import LOG

# Landing finds a log object by this name. If the form of the names changed, the last journal entry of each
# hour that is read again would be written to the feed a second time, under its new name.
_LOG_KEY = re.compile(
    r"dt=(\d{4})-(\d\d)-(\d\d)/hour=(\d\d)/" + LOG + r"-\1\2\3T\4Z-[0-9a-f]{16}\.ndjson", re.ASCII
)

_WORK_NAME = re.compile(r"dt=\d{4}-\d\d-\d\d/hour=\d\d/(\d{6,}|[0-9a-f]{64})\.ndjson", re.ASCII)
_ENTRY = re.compile(r"/hour=\d\d/(\d{6}|[1-9]\d{6,})\.ndjson\Z", re.ASCII)


def day_folder(day: date) -> str:
    """Return ``dt=2026-11-23/`` for a day, or for an hour in UTC."""
    return f"dt={day:%Y-%m-%d}/"


def hour_folder(hour: datetime) -> str:
    """Return ``dt=2026-11-23/hour=05/`` for an hour in UTC, without the colon that its partition key has."""
    return f"{day_folder(hour)}hour={hour:%H}/"


def log_key(prefix: str, hour: datetime, sha256: str) -> str:
    """Return the key of a log object; it has a hash of the body, so that equal lines have an equal key."""
    return f"{prefix}{hour_folder(hour)}{LOG}-{hour:%Y%m%dT%HZ}-{sha256[:16]}.ndjson"


def is_log_key(prefix: str, key: str) -> bool:
    """Return whether a key is one that `log_key` returns for this prefix."""
    return _LOG_KEY.fullmatch(key.removeprefix(prefix)) is not None


def last_entry(known: Iterable[str]) -> int:
    """Return the highest entry number among the keys of an hour's journal, or 0 if there is none.

    A key that `journal_key` would not return is not an entry, and is ignored.
    """
    return max((int(found[1]) for key in known if (found := _ENTRY.search(key))), default=0)


def journal_prefix(work_prefix: str, prefix: str) -> str:
    """Return the prefix of a feed's journal; feeds may share a work prefix, but never a journal."""
    return f"{work_prefix}journal/{prefix}"


def journal_key(work_prefix: str, prefix: str, hour: datetime, number: int) -> str:
    """Return the key of an entry in the hour's journal; the numbers begin at 1."""
    return f"{journal_prefix(work_prefix, prefix)}{hour_folder(hour)}{number:06}.ndjson"


def adopted_prefix(work_prefix: str, prefix: str) -> str:
    """Return the prefix of the adopted records: those that another collector has left in a feed."""
    return f"{work_prefix}adopted/{prefix}"


def adopted_key(work_prefix: str, prefix: str, hour: datetime, sha256: str) -> str:
    """Return the key of an object of adopted records; it has a hash, so that they are adopted only once."""
    return f"{adopted_prefix(work_prefix, prefix)}{hour_folder(hour)}{sha256}.ndjson"


def rejects_key(work_prefix: str, hour: datetime, sha256: str) -> str:
    """Return the key of the object with the rejects of an hour."""
    return f"{work_prefix}rejects/{hour_folder(hour)}rejects-{hour:%Y%m%dT%HZ}-{sha256[:16]}.ndjson"


def is_work_key(work_prefix: str, prefix: str, key: str) -> bool:
    """Return whether a key is ours, of those in a work prefix itself, its journal or ``adopted/``."""
    if key == owner_key(work_prefix):
        return True
    folders = journal_prefix(work_prefix, prefix), adopted_prefix(work_prefix, prefix)
    return any(_WORK_NAME.fullmatch(key.removeprefix(folder)) for folder in folders)


def receipts_prefix(work_prefix: str) -> str:
    """Return the prefix of what SecOps has more or less of than the feed."""
    return f"{work_prefix}receipts/"


def differences_key(work_prefix: str, hour: datetime) -> str:
    """Return the key of the object with the records of an hour of which SecOps has more or less."""
    return f"{receipts_prefix(work_prefix)}{hour_folder(hour)}differences.ndjson"


def udm_prefix(work_prefix: str) -> str:
    """Return the prefix of the UDM events and their findings."""
    return f"{work_prefix}udm/"


def events_key(work_prefix: str, hour: datetime) -> str:
    """Return the key of the object with the hour's UDM events."""
    return f"{udm_prefix(work_prefix)}{hour_folder(hour)}events.ndjson"


def findings_key(work_prefix: str, hour: datetime) -> str:
    """Return the key of the object with the findings about the hour's lines."""
    return f"{udm_prefix(work_prefix)}{hour_folder(hour)}findings.ndjson"


def usage_prefix(work_prefix: str) -> str:
    """Return the prefix of the usage of all days."""
    return f"{work_prefix}usage/"


def usage_key(work_prefix: str, day: date, name: str) -> str:
    """Return the key of an object of a day's usage."""
    return f"{usage_prefix(work_prefix)}{day_folder(day)}{name}.ndjson"


def owner_key(work_prefix: str) -> str:
    """Return the key of the object that says which feed the work prefix belongs to."""
    return f"{work_prefix}feed.json"


def probe_key(work_prefix: str) -> str:
    """Return the key of the object that is written to check whether writing works."""
    return f"{work_prefix}check/probe.ndjson"
