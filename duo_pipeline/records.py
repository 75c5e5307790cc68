"""What flows from Duo to the feed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from duo_pipeline import instants
from duo_pipeline.instants import Instant


@dataclass(frozen=True, slots=True)
class Record:
    """One telephony event: as Duo sent it, and when it was."""

    sent: dict[str, Any]
    at: Instant


@dataclass(frozen=True, slots=True)
class Reject:
    """What Duo sent and no hour can take, and why.

    Attributes:
        sent: A JSON value, or the bytes of what is not JSON.
        reason: A clause, without anything of what Duo sent.
    """

    sent: Any
    reason: str


Entry = Record | Reject


def time_of(record: Mapping[str, Any]) -> Instant:
    """Return when a record was: its ``ts``, or a time of Duo's older logs where it has no readable ``ts``.

    Those are ``isotimestamp`` (ISO 8601) and ``timestamp``: Unix seconds in Duo's v1 log, ISO 8601 in a line
    of the feed.

    Raises:
        ValueError: It has no readable time; the text says why, as a clause.
    """
    try:
        return instants.parse(record.get("ts"))
    except ValueError as error:
        reason = f"its ts is {error}" if record.get("ts") else "it has no ts"
    for name in ("isotimestamp", "timestamp"):
        try:
            return _instant(record.get(name))
        except ValueError:
            continue
    raise ValueError(reason)


def _instant(value: object) -> Instant:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return instants.of_unix(value)
    return instants.parse(value)
