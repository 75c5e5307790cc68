"""The records of the telephony log in the feed: how a line is written, and what landing reads of a record.

This is the only module of landing that knows which log it is. It can also turn a line back into its record
(`as_sent`).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, Literal

from duo_pipeline import ndjson
from duo_pipeline.records import time_of

RecordFormat = Literal["secops", "verbatim"]

LOG = "telephony"
"""The name of the log, in the key of a log object and as the ``eventtype`` of a line."""
_ADDED = ("host", "eventtype", "timestamp")
_MOST_CREDITS = 9_999
_SENT = "duo_sent"
"""The field in which a line keeps what Duo itself sent in one of the added fields. So far Duo sends none of
them."""


def line(record: Mapping[str, Any], *, utc: str, host: str, record_format: RecordFormat) -> bytes:
    """Return a record as one line of UTF-8 JSON that ends in a newline.

    ``verbatim`` is the record as Duo sent it. ``secops`` adds what Google's parser for DUO_TELEPHONY needs
    and a v2 item does not have: the API host, the event type, the credits as a string (the parser drops a
    number), and ``timestamp``, which the parser reads if there is a ``ts``. If Duo itself sends a ``host`` or
    an ``eventtype``, they are kept.

    Args:
        record: The record as Duo sent it.
        utc: The time of the record (`time_of`), in UTC, ending in ``Z``.
        host: The name of the API host.
        record_format: One of the two formats.

    Raises:
        ValueError: The record has a number that JSON cannot represent.
    """
    if record_format == "verbatim":
        return ndjson.line(record)
    own = {name: record[name] for name in (*_ADDED, _SENT) if name in record}
    written = _with_credits_as_text(record)
    written["host"] = record.get("host") or host
    written["eventtype"] = record.get("eventtype") or LOG
    written["timestamp"] = utc
    if own:
        written[_SENT] = own
    return ndjson.line(written)


def fingerprint(record: Mapping[str, Any]) -> bytes:
    """Return a 16-byte hash of a record as Duo sent it.

    Every field counts. Only whether the credits are a number or the same number as text does not matter,
    because the line is the same.
    """
    return hashlib.sha256(ndjson.canonical(_with_credits_as_text(record))).digest()[:16]


def record_id(record: Mapping[str, Any]) -> bytes:
    """Return the id of a record, as bytes that sort as the text does; lines are in order of (ts, id)."""
    return str(record.get("telephony_id") or "").encode(errors="surrogatepass")


def is_countable(line_: Mapping[str, Any], host: str) -> bool:
    """Return whether SecOps can count a line by its hour and its Duo account: it has a time and this host."""
    return isinstance(line_.get("timestamp"), str) and line_.get("host") == host


def cost_of(record: Mapping[str, Any]) -> tuple[str, int]:
    """Return the type of a record, as text, and its credits; 0 if they are not a whole number.

    They are also 0 if nothing costs that much: it may be a phone number, which must not appear in a sum.
    """
    credits_ = record.get("credits")
    spent = credits_ if isinstance(credits_, int) and abs(credits_) <= _MOST_CREDITS else 0
    return str(record.get("type")), spent


def _with_credits_as_text(record: Mapping[str, Any]) -> dict[str, Any]:
    written, cost = {**record}, record.get("credits")
    if ndjson.is_number(cost):
        written["credits"] = str(cost) if type(cost) is int else json.dumps(cost)
    return written


def as_sent(line_: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the record that a line was made of, in either format; credits stay text."""
    if any(name not in line_ for name in _ADDED) or ndjson.is_number(line_.get("credits")):
        return line_
    own = line_.get(_SENT)
    own = own if isinstance(own, dict) else {}
    sent = {name: value for name, value in line_.items() if name not in (*_ADDED, _SENT)} | own
    try:
        return sent if line_["timestamp"] == time_of(sent).utc else line_
    except ValueError:
        return line_


def possible_records(line_: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield each record that a line of another collector may have been made of.

    The function of Google's guide writes records as Duo sent them. Changed versions of it add some of what
    the parser needs, in different ways: the host and ``eventtype`` (Duo's own client for Python adds both),
    and a ``timestamp``. The ``ts`` is always Duo's.
    """
    yield as_sent(line_)
    added = [name for name in _ADDED if name in line_]
    for count in range(len(added) + 1):
        for left_out in combinations(added, count):
            yield {name: value for name, value in line_.items() if name not in left_out}
