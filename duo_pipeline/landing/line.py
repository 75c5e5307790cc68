"""How one record becomes one line of the feed, and how it is known again."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from duo_pipeline import ndjson

RecordFormat = Literal["secops", "verbatim"]

_ADDED = ("host", "eventtype", "timestamp")


def line(record: Mapping[str, Any], *, utc: str, host: str, record_format: RecordFormat) -> bytes:
    """Write a record as one line of UTF-8 JSON, ended by a newline.

    ``verbatim`` is the record as Duo sent it. ``secops`` adds what Google's parser for DUO_TELEPHONY needs
    and a v2 item lacks: the API host, the event type, the credits as a string (it drops a number), and
    ``timestamp``, which it reads wherever there is a ``ts``. What Duo itself sends under ``host`` or
    ``eventtype`` stays.

    Args:
        record: The record as Duo sent it.
        utc: The instant of its ``ts``, in UTC, ending in ``Z``.
        host: The API host's name.
        record_format: One of the two.

    Raises:
        ValueError: The record holds a number that JSON cannot write.
    """
    if record_format == "secops":
        record = {
            **_with_credits_as_text(record),
            "host": record.get("host") or host,
            "eventtype": record.get("eventtype") or "telephony",
            "timestamp": utc,
        }
    return ndjson.line(record)


def identity(record: Mapping[str, Any]) -> bytes:
    """Give 16 bytes that are the same for a record as Duo sent it and for a line of it in either format.

    Two records are the same when they are equal in all that Duo sent: what ``secops`` adds is left out, and
    a number of credits counts as its text.
    """
    sent = {key: value for key, value in _with_credits_as_text(record).items() if key not in _ADDED}
    return hashlib.sha256(ndjson.canonical(sent)).digest()[:16]


def _with_credits_as_text(record: Mapping[str, Any]) -> Mapping[str, Any]:
    number = record.get("credits")
    if isinstance(number, int | float) and not isinstance(number, bool):
        return {**record, "credits": json.dumps(number)}
    return record
