"""The telephony log between two hours: one query, read in pages, cut into hours as it streams by."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from duo_pipeline import instants, ndjson
from duo_pipeline.duo.admin_api import AdminApi
from duo_pipeline.duo.errors import DuoRefusal, DuoUnavailable
from duo_pipeline.instants import Instant
from duo_pipeline.records import Entry, Record, Reject

PATH = "/admin/v2/logs/telephony"
LIMIT = 1000
"""The most records that Duo gives at once."""
_HOUR = timedelta(hours=1)
MOST_PAGES_OF_REPEATS = 3
"""A cursor that leads nowhere new so often goes in circles."""
_MS_NS = 1_000_000
OLDEST_SECONDS = 180 * 86_400 - 1_800
"""Duo refuses a mintime of more than 180 days ago, by its own clock; half an hour is left for the skew."""


Hour = tuple[datetime, Iterator[Entry]]


@dataclass(frozen=True, slots=True)
class Total:
    """Duo's ``total_objects``: how many records the whole query has; ``at_least`` when it says ``gte``."""

    value: int
    at_least: bool = False


class TelephonyLog:
    """One query of Duo's telephony log for the hours of [start, end), both whole hours in UTC.

    Attributes:
        received: How many records came, each once.
        repeated: How many of them Duo showed again within one page.
        total: What Duo's latest page says the query has in all, if it says so.
        reached: The instant of the last record so far.
    """

    def __init__(
        self,
        api: AdminApi,
        start: datetime,
        end: datetime,
        on_page: Callable[["TelephonyLog"], None] = lambda *_: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.start = start
        self.end = end
        self.received = 0
        self.repeated = 0
        self.total: Total | None = None
        self.reached: Instant | None = None
        self._api = api
        self._on_page = on_page
        self._clock = clock

    @property
    def missing(self) -> int:
        """How many records of the query did not come, by Duo's own count."""
        return max(0, self.total.value - self.received - self.repeated) if self.total else 0

    def hours(self) -> Iterator[Hour]:
        """Give each hour in turn, the empty ones too, with an iterator of its entries.

        Each hour's entries have to be taken before the next hour is asked for: they come straight from
        Duo's pages, so that an hour of a million records needs no more memory than one of a thousand.

        Raises:
            DuoError: A page could not be had, or Duo's answer makes no sense.
        """
        entries = self._entries()
        ahead = next(entries, None)

        def entries_of(hour: datetime) -> Iterator[Entry]:
            nonlocal ahead
            while ahead is not None and ahead[0] <= hour:
                yield ahead[1]
                ahead = next(entries, None)

        hour = self.start
        while hour < self.end:
            yield hour, entries_of(hour)
            hour += _HOUR

    def _entries(self) -> Iterator[tuple[datetime, Entry]]:
        """Give each entry with its hour; a reject counts to the hour of the record before it."""
        hour = self.start
        start_ns, end_ns = instants.to_ns(self.start), instants.to_ns(self.end)
        for item in self._items():
            if not isinstance(item, dict):
                yield hour, Reject(item, "it is not a JSON object")
                continue
            try:
                at = instants.parse(item.get("ts"))
            except ValueError as error:
                yield hour, Reject(item, f"its ts is {error}")
                continue
            if end_ns <= at.ns < end_ns + _MS_NS:
                continue  # maxtime is inclusive: this one is the next hour's, and will be read with it
            if not start_ns <= at.ns < end_ns:
                yield hour, Reject(item, "its ts lies outside of the hours that were asked for")
                continue
            its_hour = self.start + _HOUR * ((at.ns - start_ns) // instants.HOUR_NS)
            if its_hour < hour:
                raise DuoRefusal(
                    f"Duo's log is not in order of time: a record of {its_hour:%Y-%m-%d-%H:%M} came among"
                    f" those of {hour:%Y-%m-%d-%H:%M}; run these hours again one by one."
                )
            hour, self.reached = its_hour, at
            yield hour, Record(item, at)

    def _items(self) -> Iterator[Any]:
        """Give what the pages hold, leaving out exact repeats, and stop where the log ends.

        It ends with an empty page, without a cursor, with the cursor just sent, with some pages of repeats
        alone, or when all that Duo counts has come and the page was not full. Duo sends a cursor with the
        last page, too, so the count is what spares a request.
        """
        records = pages_of_repeats = 0
        start_ms = instants.unix_ms(self.start)
        parameters = {
            "mintime": str(start_ms),
            # the end itself, not a millisecond less: ts has microseconds, and which side of the bound a
            # record of the last millisecond falls on is not known
            "maxtime": str(instants.unix_ms(self.end)),
            "limit": str(LIMIT),
            "sort": "ts:asc",
        }
        page_before: set[bytes] = set()
        while True:
            oldest_ms = int(self._clock() - OLDEST_SECONDS) * 1000
            if aged := oldest_ms > start_ms and "next_offset" in parameters:
                # hours have gone by since the first page: the cursor is far beyond, but Duo would refuse
                parameters["mintime"] = str(oldest_ms)
            items, cursor, total = _page(self._api.get(PATH, parameters))
            if total and not aged:
                self.total = total
            page: set[bytes] = set()
            fresh = []
            for item in items:
                text = ndjson.canonical(item)
                if text in page:
                    self.repeated += 1
                elif text not in page_before:
                    fresh.append(item)
                page.add(text)
            self.received += len(fresh)
            records += sum(isinstance(item, dict) for item in fresh)  # Duo's count may leave out the rest
            pages_of_repeats = 0 if fresh else pages_of_repeats + 1
            yield from fresh
            self._on_page(self)
            complete = self.total is not None and not self.total.at_least and records >= self.total.value
            if (
                not items
                or pages_of_repeats == MOST_PAGES_OF_REPEATS
                or cursor is None
                or cursor == parameters.get("next_offset")
                or (complete and len(items) < LIMIT)
            ):
                return
            parameters["next_offset"] = cursor
            page_before = page


def _page(response: dict[str, Any]) -> tuple[list[Any], str | None, Total | None]:
    items = response.get("items")
    metadata = response.get("metadata") or {}
    if not isinstance(items, list) or not isinstance(metadata, dict):
        raise DuoUnavailable("Duo's answer holds no telephony log.")
    return items, _cursor(metadata.get("next_offset")), _total(metadata.get("total_objects"))


def _cursor(value: object) -> str | None:
    """Read ``next_offset``: text, or as the v2 authentication log has it, a list of two."""
    match value:
        case None | "" | []:
            return None
        case str():
            return value
        case list():
            return ",".join(str(part) for part in value)
        case _:
            raise DuoRefusal(
                f"Duo's cursor is neither text nor a list but {type(value).__name__}: report it."
            )


def _total(value: object) -> Total | None:
    """Read ``total_objects``: a number, or as duo_client documents it, ``{"relation", "value"}``."""
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
        case str() if value.isdecimal():
            return Total(int(value))
        case _:
            return None
