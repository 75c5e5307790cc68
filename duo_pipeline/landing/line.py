"""How one record becomes one line of the feed, and how it is known again."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, Literal

from duo_pipeline import ndjson
from duo_pipeline.records import time_of

RecordFormat = Literal["secops", "verbatim"]

_ADDED = ("host", "eventtype", "timestamp")
_SENT = "duo_sent"
"""Under it a line keeps what Duo itself sent under a name that the format needs; so far it sends none."""


def line(record: Mapping[str, Any], *, utc: str, host: str, record_format: RecordFormat) -> bytes:
    """Write a record as one line of UTF-8 JSON, ended by a newline.

    ``verbatim`` is the record as Duo sent it. ``secops`` adds what Google's parser for DUO_TELEPHONY needs
    and a v2 item lacks: the API host, the event type, the credits as a string (it drops a number), and
    ``timestamp``, which it reads wherever there is a ``ts``. What Duo itself sends under ``host`` or
    ``eventtype`` stays.

    Args:
        record: The record as Duo sent it.
        utc: When it was (`time_of`), in UTC, ending in ``Z``.
        host: The API host's name.
        record_format: One of the two.

    Raises:
        ValueError: The record holds a number that JSON cannot write.
    """
    return ndjson.line(_for_secops(record, utc, host) if record_format == "secops" else record)


def identity(record: Mapping[str, Any]) -> bytes:
    """Give 16 bytes that tell a record, as Duo sent it, from every other.

    All of it counts, but not whether its credits are a number or the same as text: its line is the same.
    """
    return hashlib.sha256(ndjson.canonical(_with_credits_as_text(record))).digest()[:16]


def _for_secops(record: Mapping[str, Any], utc: str, host: str) -> Mapping[str, Any]:
    own = {name: record[name] for name in (*_ADDED, _SENT) if name in record}
    written = _with_credits_as_text(record)
    written["host"] = record.get("host") or host
    written["eventtype"] = record.get("eventtype") or "telephony"
    written["timestamp"] = utc
    if own:
        written[_SENT] = own
    return written


def _with_credits_as_text(record: Mapping[str, Any]) -> dict[str, Any]:
    written, cost = {**record}, record.get("credits")
    if _is_number(cost):
        written["credits"] = str(cost) if type(cost) is int else json.dumps(cost)
    return written


def as_sent(line_: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the record that a line was made of, in whichever format it is written; credits stay text."""
    if any(name not in line_ for name in _ADDED) or _is_number(line_.get("credits")):
        return line_
    own = line_.get(_SENT)
    own = own if isinstance(own, dict) else {}
    sent = {name: value for name, value in line_.items() if name not in (*_ADDED, _SENT)} | own
    return sent if line_["timestamp"] == _utc(sent) else line_


def readings(line_: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Give each record that a line of another collector may have been made of.

    Google's guide writes records as Duo sent them; who amended it added some of what its parser needs, in a
    form of their own: the host, ``eventtype`` (Duo's own client for Python adds both), a ``timestamp``.
    Its ``ts`` is Duo's.
    """
    yield as_sent(line_)
    added = [name for name in _ADDED if name in line_]
    for count in range(len(added) + 1):
        for left_out in combinations(added, count):
            yield {name: value for name, value in line_.items() if name not in left_out}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _utc(record: Mapping[str, Any]) -> str | None:
    try:
        return time_of(record).utc
    except ValueError:
        return None
