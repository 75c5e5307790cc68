"""`as_usual`: none of the newest hours is far quieter than usual for the account (a warning).

The records of an hour, or of the silence that it ends (up to 12 hours since the last record), are compared
with the same hours of the last four weeks. The check warns when at least 15 records were expected, and less
than a fifth of them came. Expected is what all but the quietest of these weeks had (an hour earlier or later,
if that is less). If the six hours before were already below their usual number, less is expected in the same
proportion, so that a quiet day, such as a holiday, is not taken for an incident.

Duo's log has been up to 16 hours late (status.duo.com): without this check, the empty hours of such an
incident look like hours in which nobody logged in.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from statistics import median_low

import dagster as dg

from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs.checks.evaluations import AS_USUAL, AssetCheck, Verdict
from duo_pipeline.defs.partition_status import recorded
from duo_pipeline.defs.partitions import HOUR, hours_between, last_settled, span

USUAL_HOURS = 24
_WEEK = timedelta(weeks=1)
_WEEKS = range(1, 5)
_FEWEST_WEEKS = 3
_LONGEST_SILENCE = 12
_HOURS_BEFORE = 6
_HOURS_AFTER = 7
_ENOUGH = 15
_ENOUGH_BEFORE = 10
_FAR_BELOW = 1 / 5
_SHARE = 1 / 50
"""Hours that usually bring a smaller share of a day than this are night: too few records to judge by."""
_SHARE_AFTER_NIGHT = 1 / 10
"""The same, if the hours before tell nothing about the day: a holiday may begin with a silence, too."""


def hours_needed(hour: datetime) -> list[datetime]:
    """Return the hours whose counts ``unusual`` needs for ``hour``, oldest first: 126 hours, all in UTC."""
    own = [h for h in _day(hour) if h <= hour]
    return [h for week in reversed(_WEEKS) for h in _same_day(hour, week)] + own


def unusual(hour: datetime, records: Mapping[datetime, int]) -> str | None:
    """Return what is unusual about an hour, with the numbers and what to do, or None.

    Args:
        hour: The start of the hour, in UTC.
        records: How many records each hour has. An hour that is missing here is unknown, not empty: a week
            with such an hour is not compared, and with fewer than three weeks there is no warning.
    """
    weeks = [week for week in _WEEKS if all(h in records for h in _same_day(hour, week))]
    if hour not in records or len(weeks) < _FEWEST_WEEKS:
        return None

    def total(hours: list[datetime], back: timedelta = timedelta(0)) -> int:
        return sum(records[h - back] for h in hours)

    def usual(hours: list[datetime], shifts: tuple[int, ...] = (-1, 0, 1)) -> int:
        return median_low(min(total(hours, _WEEK * week + HOUR * s) for s in shifts) for week in weeks)

    judged = _silence(hour, records) or [hour]
    before = [h for h in hours_between(judged[0] - HOUR * _HOURS_BEFORE, judged[0] - HOUR) if h in records]
    came, habit = records[hour], usual(judged)
    came_before, usual_before = total(before), usual(before, (0,))
    known = came_before > 0 and usual_before >= _ENOUGH_BEFORE
    expected = habit * min(1.0, came_before / usual_before) if known else habit
    share = _SHARE if known else _SHARE_AFTER_NIGHT
    if expected < _ENOUGH or came >= _FAR_BELOW * expected or habit < share * usual(_day(hour)):
        return None
    then = {f"{judged[0] - _WEEK * week:%Y-%m-%d}": total(judged, _WEEK * week) for week in weeks}
    return (
        f"{span(judged)}: {came} record{'' if came == 1 else 's'} came, {median_low(then.values())} are usual"
        f" (the same hours from {', '.join(f'{day}: {count}' for day, count in then.items())})."
        " Unless you know why, check status.duo.com: Duo's log may be late. The reconciliation reads these"
        " hours again (DUO_RECONCILE_HOURS, DUO_RECONCILE_WEEKLY_HOURS). If you cannot wait, materialize them"
        " again in the UI."
    )


def _day(hour: datetime) -> list[datetime]:
    return hours_between(hour - HOUR * (_LONGEST_SILENCE + _HOURS_BEFORE - 1), hour + HOUR * _HOURS_AFTER)


def _same_day(hour: datetime, week: int) -> list[datetime]:
    day = _day(hour - _WEEK * week)
    return hours_between(day[0] - HOUR, day[-1] + HOUR)


def _silence(hour: datetime, records: Mapping[datetime, int]) -> list[datetime]:
    hours: list[datetime] = []
    while len(hours) < _LONGEST_SILENCE and records.get(hour) == 0:
        hours.insert(0, hour)
        hour -= HOUR
    return hours


def verdict(
    instance: dg.DagsterInstance, asset: dg.AssetsDefinition, settings: HourSettings, now: datetime
) -> Verdict:
    """Judge whether any of the newest settled hours is far quieter than usual (`unusual`)."""
    newest = last_settled(settings, now, USUAL_HOURS)
    needed = {hour for one in newest for hour in hours_needed(one)}
    records: dict[datetime, int] = {}
    for event in recorded(instance, asset.key, needed):
        count = event.metadata.get("records")
        if count and isinstance(count.value, int):
            records.setdefault(event.hour, count.value)
    found = {hour: sentence for hour in newest if (sentence := unusual(hour, records))}
    if not found:
        return Verdict(True, f"None of the last {USUAL_HOURS} settled hours is far quieter than usual.")
    return Verdict(False, found[max(found)], sorted(found), dg.AssetCheckSeverity.WARN)


CHECK = AssetCheck(
    AS_USUAL,
    f"None of the last {USUAL_HOURS} settled hours has far fewer records than the same hour of the weeks"
    " before, and the account has not been silent for unusually long.",
    verdict,
)
