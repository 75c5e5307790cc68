"""The names of the objects of an hour."""

import re
from collections.abc import Iterable
from datetime import datetime

_LOG_KEY = re.compile(
    r"dt=(\d{4})-(\d\d)-(\d\d)/hour=(\d\d)/telephony-\1\2\3T\4Z-[0-9a-f]{16}\.ndjson", re.ASCII
)

_ENTRY = re.compile(r"/hour=\d\d/(\d{6}|[1-9]\d{6,})\.ndjson\Z", re.ASCII)


def day_folder(hour: datetime) -> str:
    """Give ``dt=2026-11-23/`` for an hour in UTC."""
    return f"dt={hour:%Y-%m-%d}/"


def hour_folder(hour: datetime) -> str:
    """Give ``dt=2026-11-23/hour=05/`` for an hour in UTC; partition keys have a colon, which paths avoid."""
    return f"{day_folder(hour)}hour={hour:%H}/"


def log_key(prefix: str, hour: datetime, sha256: str) -> str:
    """Name a log object of the feed by what is in it, so that the same lines are the same object."""
    return f"{prefix}{hour_folder(hour)}telephony-{hour:%Y%m%dT%HZ}-{sha256[:16]}.ndjson"


def is_log_key(prefix: str, key: str) -> bool:
    """Say whether a key below the prefix has the form that `log_key` gives."""
    return _LOG_KEY.fullmatch(key.removeprefix(prefix)) is not None


def last_entry(known: Iterable[str]) -> int:
    """Return the highest number of the entries among the keys of an hour's journal; 0 if there is none.

    A key that `journal_key` does not give is somebody else's, and no entry.
    """
    return max((int(found[1]) for key in known if (found := _ENTRY.search(key))), default=0)


def journal_prefix(work_prefix: str, prefix: str) -> str:
    """Give where the journal of a feed is; two feeds may share a work prefix, and never a journal."""
    return f"{work_prefix}journal/{prefix}"


def journal_key(work_prefix: str, prefix: str, hour: datetime, number: int) -> str:
    """Name an entry of the hour's journal, counted from 1."""
    return f"{journal_prefix(work_prefix, prefix)}{hour_folder(hour)}{number:06}.ndjson"


def adopted_prefix(work_prefix: str, prefix: str) -> str:
    """Give where stands by hour what another collector has left in a feed."""
    return f"{work_prefix}adopted/{prefix}"


def adopted_key(work_prefix: str, prefix: str, hour: datetime, sha256: str) -> str:
    """Name an object of adopted records by what is in it: the same records are adopted once."""
    return f"{adopted_prefix(work_prefix, prefix)}{hour_folder(hour)}{sha256}.ndjson"


def rejects_key(work_prefix: str, hour: datetime, sha256: str) -> str:
    """Name the object of what Duo sent and the hour cannot take."""
    return f"{work_prefix}rejects/{hour_folder(hour)}rejects-{hour:%Y%m%dT%HZ}-{sha256[:16]}.ndjson"


def udm_prefix(work_prefix: str) -> str:
    """Give where the UDM events are, and what was found of them."""
    return f"{work_prefix}udm/"


def events_key(work_prefix: str, hour: datetime) -> str:
    """Name the object of the hour's UDM events."""
    return f"{udm_prefix(work_prefix)}{hour_folder(hour)}events.ndjson"


def findings_key(work_prefix: str, hour: datetime) -> str:
    """Name the object of what was found of the hour's UDM events."""
    return f"{udm_prefix(work_prefix)}{hour_folder(hour)}findings.ndjson"


def owner_key(work_prefix: str) -> str:
    """Name the object that says which feed the work prefix belongs to."""
    return f"{work_prefix}feed.json"


def probe_key(work_prefix: str) -> str:
    """Name the one object that is written to try whether writing is allowed."""
    return f"{work_prefix}check/probe.ndjson"
