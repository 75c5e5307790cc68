"""The items that flow from Duo to the feed: records and rejects."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from duo_pipeline import instants, ndjson
from duo_pipeline.instants import Instant


@dataclass(frozen=True, slots=True)
class Record:
    """One telephony record: as Duo sent it, and its time."""

    sent: dict[str, Any]
    at: Instant


@dataclass(frozen=True, slots=True)
class Reject:
    """Something that Duo sent and that cannot land in any hour, with the reason.

    Attributes:
        sent: A JSON value, or bytes if it is not JSON.
        reason: A clause that quotes nothing of what Duo sent.
    """

    sent: Any
    reason: str


Item = Record | Reject
"""What Duo sent as one item of its log: it can land in an hour, or it cannot."""


def time_of(record: Mapping[str, Any]) -> Instant:
    """Return the time of a record: its ``ts``, or a field of Duo's older logs if ``ts`` is not readable.

    The older fields are ``isotimestamp`` (ISO 8601) and ``timestamp``, which has Unix seconds in Duo's v1 log
    and ISO 8601 in a line of the feed.

    Raises:
        ValueError: The record has no readable time; the text is a clause that says why.
    """
    try:
        return instants.parse(record.get("ts"))
    except ValueError as error:
        reason = f"its ts is {error}" if record.get("ts") else "it has no ts"
    for name in ("isotimestamp", "timestamp"):
        value = record.get(name)
        with suppress(ValueError):
            return instants.of_unix(value) if ndjson.is_number(value) else instants.parse(value)
    raise ValueError(reason)
