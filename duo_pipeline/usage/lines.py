"""Read a day's lines of the telephony log, in either format."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson
import pandas as pd

from duo_pipeline import ndjson
from duo_pipeline.records import time_of
from duo_pipeline.usage.numbers import Number, number

IDS = "telephony_ids"
"""The field of a finding that leads to its records."""
ENROLLMENT = "enrollment"
"""The context of a record that belongs to an enrolment."""
ABSENT = "(none)"
"""The type or the context of a record that has none."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HOUR_US = 3_600_000_000
_LONGEST = 64
_MOST_CREDITS = 100_000.0


@dataclass(slots=True)
class Texts:
    """Different texts, each with a number of its own, so that pandas works on integers."""

    texts: list[str] = field(default_factory=list)
    _codes: dict[str, int] = field(default_factory=dict)

    def code(self, text: str) -> int:
        """Return the number of a text."""
        found = self._codes.get(text)
        if found is None:
            found = self._codes[text] = len(self.texts)
            self.texts.append(text)
        return found


@dataclass(frozen=True, slots=True)
class DayLines:
    """The lines of a day.

    Attributes:
        calls: One row for each call or text message, in order of time: ``hour`` (0 to 23), ``us`` (Unix
            microseconds), ``timed`` (whether its own time is known), ``credits``, and the codes of its
            ``type``, ``context`` and ``number``.
        ids: The id of each row, empty if it has none.
        types: The types.
        contexts: The contexts.
        phones: The phone numbers; an empty text means none.
        numbers: What is known of each phone number.
        unreadable: How many lines are not a JSON object.
        changed: How many lines repeat a record that Duo has changed; they count once, with the most credits.
        without_credits: How many records have no readable number of credits; they count as 0.
    """

    calls: pd.DataFrame
    ids: list[str]
    types: list[str]
    contexts: list[str]
    phones: list[str]
    numbers: list[Number]
    unreadable: int
    changed: int
    without_credits: int


class LineReader:
    """Collects the lines of a day.

    No value of a line makes it fail: what cannot be read is counted as such.
    """

    def __init__(self) -> None:
        self._types, self._contexts, self._phones = Texts(), Texts(), Texts()
        self._hours, self._us, self._timed = array("b"), array("q"), array("b")
        self._credits = array("d")
        self._codes = array("i"), array("i"), array("i")
        self._ids: list[str] = []
        self._rows: dict[int, int] = {}
        self._unreadable = self._changed = self._without_credits = 0

    def add_hour(self, hour: datetime, lines: Iterable[bytes]) -> None:
        """Add the lines of an hour that begins at ``hour``, in UTC.

        A line whose time cannot be read, or is not of this hour, counts at the beginning of the hour.
        """
        start = (hour - _EPOCH) // _MICROSECOND
        for line in lines:
            try:
                record = orjson.loads(line)
            except ValueError:
                record = ndjson.record(line)  # half a surrogate pair, or an integer of more than 64 bits
            if isinstance(record, dict):
                self._add(hour.hour, start, record)
            else:
                self._unreadable += 1

    def read(self) -> DayLines:
        """Return what was collected."""
        calls = pd.DataFrame(
            {
                "hour": np.frombuffer(self._hours, np.int8),
                "us": np.frombuffer(self._us, np.int64),
                "timed": np.frombuffer(self._timed, np.int8).astype(bool),
                "credits": np.frombuffer(self._credits, np.float64),
                "type": np.frombuffer(self._codes[0], np.int32),
                "context": np.frombuffer(self._codes[1], np.int32),
                "number": np.frombuffer(self._codes[2], np.int32),
            }
        ).sort_values("us", kind="stable")
        return DayLines(
            calls,
            self._ids,
            self._types.texts,
            self._contexts.texts,
            self._phones.texts,
            [number(phone) for phone in self._phones.texts],
            self._unreadable,
            self._changed,
            self._without_credits,
        )

    def _add(self, hour: int, start: int, record: dict[str, Any]) -> None:
        at = _microseconds(record)
        timed = at is not None and start <= at < start + _HOUR_US
        phone, id_ = _text(record.get("phone")), _text(record.get("telephony_id"))
        spent = _credits(record.get("credits"))
        if spent is None:
            self._without_credits += 1
        row = len(self._ids)
        if id_:
            known = self._rows.setdefault(hash((id_, _text(record.get("txid")), at, phone)), row)
            if known != row:
                self._changed += 1
                self._credits[known] = max(self._credits[known], spent or 0.0)
                return
        self._hours.append(hour)
        self._us.append(at if timed and at is not None else start)
        self._timed.append(timed)
        self._credits.append(spent or 0.0)
        type_, context, phones = self._codes
        type_.append(self._types.code(_text(record.get("type")) or ABSENT))
        context.append(self._contexts.code(_text(record.get("context")) or ABSENT))
        phones.append(self._phones.code(phone))
        self._ids.append(id_)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value[:_LONGEST]
    try:
        return "" if value is None else str(value)[:_LONGEST]
    except ValueError:  # Python writes no integer of more than 4,300 digits
        return ""


def _credits(value: object) -> float | None:
    """Return credits, which are text in the format ``secops`` and a number in ``verbatim``."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        spent = float(value)
    except (ValueError, OverflowError):
        return None
    return spent if 0 <= spent <= _MOST_CREDITS else None


def _microseconds(record: dict[str, Any]) -> int | None:
    ts = record.get("ts")
    try:
        moment = datetime.fromisoformat(ts)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        moment = None
    if moment and moment.tzinfo is not None:  # the usual case; it is much faster than `time_of`
        return (moment - _EPOCH) // _MICROSECOND
    try:
        return time_of(record).ns // 1000
    except ValueError:
        return None
