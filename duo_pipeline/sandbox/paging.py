"""Answer a query of the log as Duo does: find the visible records, and split them into pages."""

import re
import zlib
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from duo_pipeline.sandbox.errors import DuoError
from duo_pipeline.sandbox.knobs import Knobs
from duo_pipeline.sandbox.log import HOUR_MICROS, Log, Placed, micros, moment

DEFAULT_LIMIT, HIGHEST_LIMIT = 100, 1000
QUERIES_KEPT = 1000


@dataclass(frozen=True)
class Query:
    """A request for a page; the bounds are Unix milliseconds, both inclusive.

    The cursor has the milliseconds and the id of the last item of the previous page.
    """

    mintime: int
    maxtime: int
    limit: int
    descending: bool
    cursor: tuple[int, str] | None


def _integer(params: Mapping[str, str], name: str, pattern: str) -> int:
    """Return a parameter that is written as the pattern says.

    Raises:
        DuoError: The parameter is missing, or is written in another way.
    """
    if name not in params:
        raise DuoError(40001, name)
    if not re.fullmatch(pattern, params[name]):
        raise DuoError(40002, name)
    return int(params[name])


def query_of(params: Mapping[str, str], oldest: datetime, knobs: Knobs) -> Query:
    """Return the query of a request's parameters.

    Raises:
        DuoError: A parameter is missing or wrong.
    """
    mintime, maxtime = (_integer(params, name, r"\d{13}") for name in ("mintime", "maxtime"))
    if mintime >= maxtime:
        raise DuoError(40002, "mintime must be less than maxtime")
    if moment(mintime * 1000) < oldest:
        raise DuoError(40002, f"mintime must be within the past {knobs.history_days:g} days")
    limit = _integer({"limit": str(DEFAULT_LIMIT), **params}, "limit", r"\d{1,4}")
    if not 1 <= limit <= HIGHEST_LIMIT:
        raise DuoError(40002, "limit")
    sort = params.get("sort", "ts:desc")
    if sort not in ("ts:asc", "ts:desc"):
        raise DuoError(40002, "sort")
    cursor = None
    if "next_offset" in params:
        parts = re.fullmatch(r"(\d{13}),(.*)", params["next_offset"])
        if parts is None:
            raise DuoError(40002, "next_offset")
        cursor = (int(parts[1]), parts[2])
    return Query(mintime, maxtime, limit, sort == "ts:desc", cursor)


def visible(log: Log, mintime: int, maxtime: int, *, knobs: Knobs, now: datetime) -> list[Placed]:
    """Return the items of [mintime, maxtime], in Unix milliseconds, that Duo already shows, in time order."""
    first = mintime * 1000
    last = maxtime * 1000 + (999 if knobs.compare == "floored" else 0)
    # Items up to `shown` are visible unless they are late; items up to `settled` are all visible.
    shown = micros(now) - int(knobs.visible_delay_seconds * 1e6)
    settled = min(shown, micros(now) - int(knobs.late_seconds * 1e6))
    items: list[Placed] = []
    for hour in range(first // HOUR_MICROS * HOUR_MICROS, min(last, shown) + 1, HOUR_MICROS):
        placed = log.placed(moment(hour))
        if first <= hour and hour + HOUR_MICROS <= min(last, settled):
            items.extend(placed)  # a check of each item would make a query over half a year slow
            continue
        items.extend(
            item
            for item in placed
            if first <= item.micros <= last
            and (item.micros <= settled or (item.micros <= shown and not _is_late(item, knobs.late_share)))
        )
    return items


def _is_late(item: Placed, share: float) -> bool:
    return zlib.crc32(item.id.encode()) < share * 2**32


class Pager:
    """Splits the log into pages; each page begins directly after the last item of the previous page.

    Duo's cursor has a millisecond and an id, which several records may share (a public fixture has
    three such records). The pager remembers how many of those it has sent, for the query that may follow. A
    cursor that it does not remember points behind all of them.
    """

    def __init__(self) -> None:
        self._sent: OrderedDict[Query, int] = OrderedDict()

    def page(self, items: list[Placed], query: Query, knobs: Knobs) -> dict[str, Any]:
        """Return Duo's response with the page that is requested.

        Args:
            items: All items of the query, in time order.
            query: The query.
            knobs: The behaviour.
        """
        if query.descending:
            items = items[::-1]
        begin = self._begin(items, query)
        size = min(query.limit, knobs.page_size or query.limit)
        # At least one new item, otherwise a client would never reach the end.
        repeats = min(knobs.repeats, begin, size - 1)
        end = min(begin + size - repeats, len(items))
        if end > begin:
            self._remember(items, end, query)
        page = items[begin - repeats : end] if end > begin else []
        metadata = _metadata(query, page, len(items), knobs, is_last=end == len(items))
        return {"items": [placed.written(knobs) for placed in page], "metadata": metadata}

    def _begin(self, items: Sequence[Placed], query: Query) -> int:
        if query.cursor is None:
            return 0
        begin, end = _span(items, query.cursor[0], descending=query.descending)
        sharing = [index for index in range(begin, end) if items[index].cursor == query.cursor]
        sent = self._sent.get(query, len(sharing))
        return sharing[:sent][-1] + 1 if sharing else begin

    def _remember(self, items: Sequence[Placed], end: int, query: Query) -> None:
        cursor = items[end - 1].cursor
        begin, _ = _span(items, cursor[0], descending=query.descending)
        self._sent[replace(query, cursor=cursor)] = sum(item.cursor == cursor for item in items[begin:end])
        if len(self._sent) > QUERIES_KEPT:
            self._sent.popitem(last=False)


def _span(items: Sequence[Placed], millis: int, *, descending: bool) -> tuple[int, int]:
    """Return the range of indexes of the items in a millisecond; if there are none, where they would be."""
    sign = -1 if descending else 1

    def order(item: Placed) -> int:
        return sign * item.millis

    return bisect_left(items, sign * millis, key=order), bisect_right(items, sign * millis, key=order)


def _metadata(
    query: Query, page: Sequence[Placed], total: int, knobs: Knobs, *, is_last: bool
) -> dict[str, Any]:
    """Return the metadata of a page, as the knobs choose."""
    metadata: dict[str, Any] = {}
    if knobs.total != "absent":
        total += knobs.total_difference
        metadata["total_objects"] = total if knobs.total == "integer" else {"relation": "eq", "value": total}
    last_cursor = knobs.last_cursor if is_last else "present"
    cursor = page[-1].cursor if page else None
    if last_cursor == "unchanged":
        cursor = query.cursor or cursor
    elif last_cursor == "null":
        cursor = None
    if last_cursor != "absent":
        parts = [str(cursor[0]), cursor[1]] if cursor else None
        metadata["next_offset"] = ",".join(parts) if parts and knobs.cursor == "string" else parts
    return metadata
