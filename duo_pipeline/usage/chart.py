"""A chart of credits by hour, as text that Markdown and a terminal show in place."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from duo_pipeline.usage.finding import plain
from duo_pipeline.usage.profile import HOURS

DAYS = 28
_STEPS = " ▁▂▃▄▅▆▇█"
_NOT_LANDED = "·"


def chart(day: date, credits_by_day: Mapping[date, Sequence[float | None]]) -> str:
    """Return one row for each of the last 28 days, with a bar for each hour; the day itself is marked.

    It has fewer than 1,000 characters: Dagster's UI shows longer Markdown only behind a link.

    Args:
        day: The last day.
        credits_by_day: The credits of the 24 hours of each day, with None for an hour that has not landed.
    """
    days = [day - timedelta(days=back) for back in reversed(range(DAYS))]
    known = {one: credits_by_day.get(one, [None] * HOURS) for one in days}
    most = max((value for hours in known.values() for value in hours if value is not None), default=0.0)
    rows = ["UTC   0     6     12    18"]
    for one, hours in known.items():
        bars = "".join(_bar(value, most) for value in hours)
        rows.append(f"{one:%m-%d} {bars}{' ◀' if one == day else ''}")
    rows.append(f"█ {plain(most):,} credits  {_NOT_LANDED} no usage")
    return "\n".join(rows)


def _bar(value: float | None, most: float) -> str:
    if value is None:
        return _NOT_LANDED
    if not value:
        return _STEPS[0]
    return _STEPS[max(1, round(value / most * (len(_STEPS) - 1)))]
