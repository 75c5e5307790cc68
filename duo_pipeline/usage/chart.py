"""A chart of credits by hour, as text that Markdown and a terminal show in place."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from duo_pipeline.usage.finding import plain

DAYS = 28
_STEPS = " ▁▂▃▄▅▆▇█"
_NOT_LANDED = "·"


def chart(day: date, credits_by_day: Mapping[date, Sequence[float | None]]) -> str:
    """Return one row for each of the last 28 days, with a bar for each hour; the day itself is marked.

    Args:
        day: The last day.
        credits_by_day: The credits of the 24 hours of each day, with None for an hour that has not landed.
    """
    days = [day - timedelta(days=back) for back in reversed(range(DAYS))]
    known = {one: credits_by_day.get(one, [None] * 24) for one in days}
    most = max((value for hours in known.values() for value in hours if value is not None), default=0.0)
    rows = ["                0     6     12    18   "]
    for one, hours in known.items():
        bars = "".join(_bar(value, most) for value in hours)
        landed = [value for value in hours if value is not None]
        total = f"{plain(sum(landed)):,}" if landed else ""
        rows.append(f"{one:%a %Y-%m-%d}  {bars} {total:>8}{' ◀ this day' if one == day else ''}")
    rows.append(
        f"Credits by hour (UTC); █ is {plain(most):,}, {_NOT_LANDED} has not landed or has no usage yet."
    )
    return "\n".join(rows)


def _bar(value: float | None, most: float) -> str:
    if value is None:
        return _NOT_LANDED
    if not value:
        return _STEPS[0]
    return _STEPS[max(1, round(value / most * (len(_STEPS) - 1)))]
