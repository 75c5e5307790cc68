"""Read the telephony log between two hours with one query, page by page, and split it into hours."""

import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import count
from typing import Any

from duo_pipeline import instants, ndjson
from duo_pipeline.duo.admin_api import AdminApi
from duo_pipeline.duo.errors import DuoContradiction
from duo_pipeline.instants import Instant
from duo_pipeline.records import Item, Record, Reject, time_of

PATH = "/admin/v2/logs/telephony"
SUMMARY_PATH = "/admin/v1/info/summary"
LIMIT = 1000
"""The most records that Duo sends in one page."""
MOST_PAGES_OF_REPEATS = 3
PAGES_REMEMBERED = 10
"""How many pages are remembered to recognize repeated records. A record that repeats an older page costs
requests, but no record is lost."""
OLDEST_SECONDS = 180 * 86_400 - 1_800
"""Duo refuses a mintime of more than 180 days ago by its own clock. Half an hour is left for clock skew."""

_HOUR = timedelta(hours=1)
_MS_NS = 1_000_000
_TS = re.compile(rb'"ts"\s*:\s*"([^"\\]{1,64})"')
_SPARE_REQUESTS = 100
_SMALLEST_PAGE = 100
"""Duo's default page size. A query whose pages are all smaller than this is stopped."""
_UNCOUNTED_PER_HOUR = 100_000
_COUNTED_PER_HOUR = 1_000_000
_MOST_DIGITS = 18

_Hour = tuple[datetime, Iterator[Item]]


def credits_remaining(api: AdminApi) -> int:
    """Return how many telephony credits the account has left; it costs one request.

    The application needs the permission *Grant read information*.

    Raises:
        DuoRefusal: Duo refuses the request; its code is 40301 without that permission.
        DuoUnavailable: Duo cannot be reached.
        DuoContradiction: The answer has no such number.
    """
    remaining = api.get(SUMMARY_PATH, {}).get("telephony_credits_remaining")
    if not isinstance(remaining, int) or isinstance(remaining, bool):
        raise DuoContradiction("Duo did not say how many credits are left: report it to Duo's support.")
    return remaining


@dataclass(frozen=True, slots=True)
class Total:
    """Duo's ``total_objects``: how many records the query has; ``at_least`` if Duo says ``gte``."""

    value: int
    at_least: bool = False


@dataclass(eq=False)
class TelephonyLog:
    """Runs one query of Duo's telephony log for the hours of [start, end), both whole hours in UTC.

    Attributes:
        api: Duo's Admin API.
        start: The first hour.
        end: The end of the last hour.
        on_page: Called after each page.
        clock: Returns Unix seconds.
        received: How many records came, without the recognized repeats.
        beyond: How many of them belong to the first millisecond after the end, and so to the next hour.
        total: The highest count that Duo gave for the whole query, if it gave any.
        reached: The time of the last record so far.
        doubts: The reasons not to trust the result, one clause each.
    """

    api: AdminApi
    start: datetime
    end: datetime
    on_page: Callable[["TelephonyLog"], None] = lambda *_: None
    clock: Callable[[], float] = time.time
    received: int = field(default=0, init=False)
    beyond: int = field(default=0, init=False)
    total: Total | None = field(default=None, init=False)
    reached: Instant | None = field(default=None, init=False)
    doubts: list[str] = field(default_factory=list, init=False)
    _cut_off: str = field(default="", init=False)
    _placed: int = field(default=0, init=False)
    _rejected: bool = field(default=False, init=False)
    _unplaced: int = field(default=0, init=False)

    def judge(self, landed: int, rejected: int) -> None:
        """Compare the result with Duo's own count after the query has ended; a difference becomes a doubt.

        Args:
            landed: How many different records of the query's hours came.
            rejected: How many different items came that cannot land.
        """
        shown, total = landed + self.beyond, self.total
        if total and shown + rejected < total.value:
            self._doubt(f"Duo showed only {shown + rejected:,} of the {total.value:,} records it counted")
        elif total and shown > total.value and not total.at_least:
            self._doubt(f"Duo showed {shown:,} records but counted only {total.value:,}")
        if self._cut_off and not self._is_count(shown + rejected):
            self._doubt(self._cut_off)
        if self._unplaced and self.end - self.start > _HOUR:
            self._doubt(
                f"Duo showed items without a readable time ({self._unplaced:,}), which may belong to any of"
                " these hours"
            )

    def hours(self) -> Iterator[_Hour]:
        """Yield each hour in order, including empty ones, with an iterator of its items.

        Take all items of an hour before you request the next hour. The items come straight from Duo's
        pages, so that an hour of a million records needs no more memory than one of a thousand.

        Raises:
            DuoContradiction: Duo's records are not in order of time, so that no hour of the query is known
                to be complete.
            DuoError: A page could not be read, or Duo's answer makes no sense.
        """
        items = self._placed_items()
        ahead = next(items, None)

        def items_in(hour: datetime) -> Iterator[Item]:
            nonlocal ahead
            while ahead is not None and ahead[0] <= hour:
                yield ahead[1]
                ahead = next(items, None)

        hour = self.start
        while hour < self.end:
            yield hour, items_in(hour)
            hour += _HOUR

    def _placed_items(self) -> Iterator[tuple[datetime, Item]]:
        """Yield each item with its hour; a reject without a time gets the hour of the previous record."""
        hour = self.start
        start_ns, end_ns = instants.to_ns(self.start), instants.to_ns(self.end)
        for item in self._raw_items():
            sent, reason = (item.sent, item.reason) if isinstance(item, Reject) else (item, "")
            try:
                at = _time_of(item)
            except ValueError as error:
                self._unplaced += 1
                self._rejected = True
                yield hour, Reject(sent, str(error))
                continue
            if not start_ns <= at.ns < end_ns + _MS_NS:
                self._doubt("Duo showed records of hours that were not requested")
                reason = "its time is outside the requested hours"
            elif at.ns >= end_ns:
                self.beyond += 1
                continue  # maxtime is inclusive: this record belongs to the next hour, and is read with it
            else:
                its_hour = self.start + _HOUR * ((at.ns - start_ns) // instants.HOUR_NS)
                if its_hour < hour:
                    raise DuoContradiction(
                        f"Duo's log is not in order of time: a record of {its_hour:%Y-%m-%d-%H:%M} came after"
                        f" one of {hour:%Y-%m-%d-%H:%M}."
                    )
                hour = its_hour
            if reason:
                self._rejected = True
                yield hour, Reject(sent, reason)
            else:
                self._placed += 1
                self.reached = at
                yield hour, Record(item, at)

    def _raw_items(self) -> Iterator[Any]:
        """Yield the items of the pages without repeats, and stop at the end of the log.

        The log ends when Duo sends no cursor, sends the same cursor again, or has sent as many records as it
        counts and the page was not full. Duo sends a cursor with the last page, too, so the count saves a
        request. The reading stops early when the cursors repeat, when several pages in a row bring nothing
        new, and after more requests than Duo's count can need.
        """
        pages_of_repeats = 0
        start_ms = instants.unix_ms(self.start)
        parameters = {
            "mintime": str(start_ms),
            # not a millisecond less: ts has microseconds, and it is not known whether Duo would then still
            # include a record of the last millisecond
            "maxtime": str(instants.unix_ms(self.end)),
            "limit": str(LIMIT),
            "sort": "ts:asc",
        }
        cursors: set[str] = set()
        remembered: deque[set[bytes]] = deque(maxlen=PAGES_REMEMBERED)
        for requests in count(1):
            oldest_ms = int(self.clock() - OLDEST_SECONDS) * 1000
            if aged := oldest_ms > start_ms and "next_offset" in parameters:
                # hours have passed since the first page: the cursor is far beyond this, but Duo would refuse
                # the first mintime
                parameters["mintime"] = str(oldest_ms)
            items, cursor, total = _page(self.api.get(PATH, parameters))
            if total and not aged:
                self._note_total(total)
            remembered.append(set())
            fresh = []
            for item in items:
                text = item.sent if isinstance(item, Reject) else ndjson.canonical(item)
                known_by = blake2b(text, digest_size=16).digest()
                if not any(known_by in page for page in remembered):
                    remembered[-1].add(known_by)
                    fresh.append(item)
            self.received += len(fresh)
            pages_of_repeats = 0 if fresh else pages_of_repeats + 1
            yield from fresh
            self.on_page(self)
            # whether Duo counts what cannot land is not known
            all_came = self._placed and not self._rejected and self._is_count(self._placed + self.beyond)
            if cursor is None or cursor == parameters.get("next_offset") or (all_came and len(items) < LIMIT):
                return
            if cursor in cursors:
                self._cut_off = "Duo's cursors repeat"
            elif pages_of_repeats == MOST_PAGES_OF_REPEATS:
                self._cut_off = f"{MOST_PAGES_OF_REPEATS} pages in a row brought nothing new"
            elif requests >= self._most_requests():
                self._cut_off = f"Duo's log did not end within {requests:,} requests"
            if self._cut_off:
                return
            cursors.add(cursor)
            parameters["next_offset"] = cursor

    def _note_total(self, total: Total) -> None:
        """Keep the highest count; a lower one later is a doubt."""
        if self.total is None or total.value > self.total.value:
            self.total = total
        elif total.value < self.total.value:
            self._doubt(f"Duo counted {self.total.value:,} records first and {total.value:,} later")

    def _is_count(self, came: int) -> bool:
        """Return whether Duo counted exactly as many records as came, and at least one."""
        return self.total is not None and not self.total.at_least and 0 < self.total.value == came

    def _doubt(self, clause: str) -> None:
        if clause not in self.doubts:
            self.doubts.append(clause)

    def _most_requests(self) -> int:
        hours = (self.end - self.start) // _HOUR
        expected = (
            min(self.total.value, _COUNTED_PER_HOUR * hours) if self.total else _UNCOUNTED_PER_HOUR * hours
        )
        return _SPARE_REQUESTS + expected // _SMALLEST_PAGE


def _time_of(item: Any) -> Instant:  # noqa: ANN401 - any JSON
    """Return the time of an item, even if the rest of it cannot be read.

    Raises:
        ValueError: It has no readable time; the text says why the item cannot land.
    """
    if isinstance(item, dict):
        return time_of(item)
    if not isinstance(item, Reject):
        raise ValueError("it is not a JSON object")
    found = _TS.search(item.sent)
    try:
        return instants.parse(found[1].decode("ascii", "replace") if found else None)
    except ValueError:
        raise ValueError(item.reason) from None


def items_of(response: dict[str, Any]) -> list[Any]:
    """Return the items of one page.

    Raises:
        DuoContradiction: There is no list of items.
    """
    items = response.get("items")
    if not isinstance(items, list):
        raise DuoContradiction("Duo answered OK but sent no list of items: report it to Duo's support.")
    return items


def _page(response: dict[str, Any]) -> tuple[list[Any], str | None, Total | None]:
    metadata = response.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise DuoContradiction(
            "Duo answered OK with metadata that is not an object: report it to Duo's support."
        )
    return items_of(response), _cursor(metadata.get("next_offset")), _total(metadata.get("total_objects"))


def _cursor(value: object) -> str | None:
    """Read ``next_offset``: text, or a list of two as in the v2 authentication log."""
    match value:
        case None | "" | []:
            return None
        case str():
            return value
        case list():
            return ",".join(str(part) for part in value)
        case _:
            raise DuoContradiction(
                f"Duo's cursor is neither text nor a list, but {type(value).__name__}:"
                " report it to Duo's support."
            )


def _total(value: object) -> Total | None:
    """Read ``total_objects``: a number, or ``{"relation", "value"}`` as duo_client documents it."""
    match value:
        case {"value": number, "relation": "eq"}:
            return _total(number)
        case {"value": number}:
            total = _total(number)
            return total and Total(total.value, at_least=True)
        case bool():
            return None
        case int():
            return Total(value)
        case float() if value.is_integer():
            return Total(int(value))
        case str() if value.isdecimal() and len(value) <= _MOST_DIGITS:
            return Total(int(value))
        case _:
            return None
