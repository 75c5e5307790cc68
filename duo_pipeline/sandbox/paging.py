"""The telephony log as Duo shows it: what is visible at some moment, and the pages of it."""

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

    The cursor is that of the page before: milliseconds and telephony_id of its last item.
    """

    mintime: int
    maxtime: int
    limit: int
    descending: bool
    cursor: tuple[int, str] | None


@dataclass(frozen=True)
class Page:
    """A page: its items, how many the whole query has, and whether it is the last one."""

    items: Sequence[Placed]
    total: int
    is_last: bool


def visible(log: Log, mintime: int, maxtime: int, *, knobs: Knobs, now: datetime) -> list[Placed]:
    """Give the items of [mintime, maxtime], in Unix milliseconds, that Duo shows by now, in time order."""
    first = mintime * 1000
    last = maxtime * 1000 + (999 if knobs.compare == "floored" else 0)
    # Items up to the first of these moments are shown unless they are late, up to the second one all are.
    shown = micros(now) - int(knobs.visible_delay_seconds * 1e6)
    settled = min(shown, micros(now) - int(knobs.late_seconds * 1e6))
    items: list[Placed] = []
    for hour in range(first // HOUR_MICROS * HOUR_MICROS, min(last, shown) + 1, HOUR_MICROS):
        placed = log.placed(moment(hour))
        if first <= hour and hour + HOUR_MICROS <= min(last, settled):
            items.extend(placed)  # looking at each item would make a page of half a year slow
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
    """Pages of the log; each begins after the very last item of the page before.

    Duo's cursor names a millisecond and a telephony_id, which several records may share (a public fixture has
    three such). How many of those were sent is remembered for the query that may follow; a cursor that is
    not remembered points after all of them.
    """

    def __init__(self) -> None:
        self._sent: OrderedDict[Query, int] = OrderedDict()

    def page(self, items: list[Placed], query: Query, knobs: Knobs) -> Page:
        """Cut the page that the query asks for out of all of its items, which are in time order."""
        if query.descending:
            items = items[::-1]
        begin = self._begin(items, query)
        size = min(query.limit, knobs.page_size or query.limit)
        # One new item at least, or no client would ever get on.
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
    """Give the indexes of the items to which the cursor fits."""
    begin, end = _span(items, cursor[0], descending=descending)
    return [index for index in range(begin, end) if items[index].telephony_id == cursor[1]]


def _span(items: Sequence[Placed], millis: int, *, descending: bool) -> tuple[int, int]:
    """Give the range of indexes of the items in that millisecond; where they would be if there are none."""
    if descending:
        return (
            bisect_left(items, -millis, key=lambda item: -item.millis),
            bisect_right(items, -millis, key=lambda item: -item.millis),
        )
    return (
        bisect_left(items, millis, key=lambda item: item.millis),
        bisect_right(items, millis, key=lambda item: item.millis),
    )
