"""Show the telephony log as Duo does: find the visible records, and split them into pages."""

import zlib
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from duo_pipeline.sandbox.knobs import Knobs
from duo_pipeline.sandbox.telephony import HOUR_MICROS, Log, Placed, micros, moment

TIES_KEPT = 1000


@dataclass(frozen=True)
class Query:
    """A request for a page; the bounds are Unix milliseconds, both inclusive.

    The cursor has the milliseconds and the telephony_id of the last item of the previous page.
    """

    mintime: int
    maxtime: int
    limit: int
    descending: bool
    cursor: tuple[int, str] | None


@dataclass(frozen=True)
class Page:
    """A page: its items, the number of items of the whole query, and whether it is the last page."""

    items: Sequence[Placed]
    total: int
    is_last: bool


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
    return zlib.crc32(item.telephony_id.encode()) < share * 2**32


class Pager:
    """Splits the log into pages; each page begins directly after the last item of the previous page.

    Duo's cursor has a millisecond and a telephony_id, which several records may share (a public fixture has
    three such records). The pager remembers how many of those it has sent, for the query that may follow. A
    cursor that it does not remember points behind all of them.
    """

    def __init__(self) -> None:
        self._sent: OrderedDict[Query, int] = OrderedDict()

    def page(self, items: list[Placed], query: Query, knobs: Knobs) -> Page:
        """Return the page that the query requests; ``items`` are all items of the query, in time order."""
        if query.descending:
            items = items[::-1]
        begin = self._begin(items, query)
        size = min(query.limit, knobs.page_size or query.limit)
        # At least one new item, otherwise a client would never reach the end.
        repeats = min(knobs.repeats, begin, size - 1)
        end = min(begin + size - repeats, len(items))
        if end > begin:
            self._remember(items, end, query)
        return Page(items[begin - repeats : end] if end > begin else [], len(items), end == len(items))

    def _begin(self, items: Sequence[Placed], query: Query) -> int:
        if query.cursor is None:
            return 0
        sharing = _sharing(items, query.cursor, descending=query.descending)
        if not sharing:
            return _span(items, query.cursor[0], descending=query.descending)[0]
        sent = self._sent.get(query, len(sharing))
        return sharing[:sent][-1] + 1

    def _remember(self, items: Sequence[Placed], end: int, query: Query) -> None:
        cursor = items[end - 1].cursor
        sharing = _sharing(items, cursor, descending=query.descending)
        if len(sharing) > 1:
            self._sent[replace(query, cursor=cursor)] = bisect_left(sharing, end)
            if len(self._sent) > TIES_KEPT:
                self._sent.popitem(last=False)


def _sharing(items: Sequence[Placed], cursor: tuple[int, str], *, descending: bool) -> list[int]:
    """Return the indexes of the items that have this cursor."""
    begin, end = _span(items, cursor[0], descending=descending)
    return [index for index in range(begin, end) if items[index].telephony_id == cursor[1]]


def _span(items: Sequence[Placed], millis: int, *, descending: bool) -> tuple[int, int]:
    """Return the range of indexes of the items in a millisecond; if there are none, where they would be."""
    sign = -1 if descending else 1

    def order(item: Placed) -> int:
        return sign * item.millis

    return bisect_left(items, sign * millis, key=order), bisect_right(items, sign * millis, key=order)
