"""`spike` and `enrollment_burst`: hours that are far above the usual."""

import numpy as np

from duo_pipeline.usage.day_view import Array, DayView, place
from duo_pipeline.usage.finding import Finding, amount, finding_of, plain
from duo_pipeline.usage.rules import ENROLLMENT_BURST, HISTORY_DAYS, SPIKE

_FEWEST_WEEKS = 3
"""In so many of the four weeks before, the same hour must have landed."""
_SPREADS = 6
"""An hour with so many times its usual spread (of a Poisson process) more enrolments is no coincidence."""


def spike(view: DayView) -> list[Finding]:
    """Return the finding about the hours whose credits are far above the usual, if there are any."""
    limits = view.thresholds[SPIKE]
    before = view.history.same_hours("credits")
    known = np.isfinite(before).sum(axis=1) >= _FEWEST_WEEKS
    usual, spread = _median_and_spread(before)
    limit = np.maximum.reduce(
        [
            usual + limits["credits"],
            usual * limits["times_usual"],
            usual + limits["spreads"] * np.maximum(spread, np.sqrt(2 * usual)),
        ]
    )
    over = np.flatnonzero((view.credits >= limit) & known)
    if not len(over):
        return []
    worst = int(over[(view.credits - usual)[over].argmax()])
    rows = view.calls[view.calls["hour"].isin(over)]
    by_country = rows[rows["hour"] == worst].groupby("country", observed=True)["credits"].sum()
    more = f" The same is true of {amount(len(over) - 1, 'other hour')}." if len(over) > 1 else ""
    sentence = (
        f"The hour from {worst:02}:00 UTC cost {amount(view.credits[worst], 'credit')}, where"
        f" {plain(round(usual[worst], 1))} is usual at that hour of the week; most of it went to"
        f" {place(str(by_country.idxmax()))}.{more}"
    )
    return [finding_of(SPIKE, "", sentence, view.lines, rows)]


def enrollment_burst(view: DayView) -> list[Finding]:
    """Return the finding about the hours, or the day, with far too many enrolments, if it has them."""
    limits = view.thresholds[ENROLLMENT_BURST]
    usual = _mean(view.history.same_hours("enrollments", neighbours=True))
    days = [sum(one.enrollments) for one in view.history.days(HISTORY_DAYS)]
    usual_day = max(float(usual.sum()), float(np.median(days or [0])))
    expected = _at_the_pace_of_the_day(view.enrollments, usual)
    limit = np.maximum.reduce(
        [
            np.full(len(expected), limits["enrollments"]),
            limits["times_usual"] * expected,
            expected + _SPREADS * np.sqrt(expected),
        ]
    )
    over = np.flatnonzero(view.enrollments >= limit)
    rows = view.enrollment_calls
    if len(over):
        worst = int(over[view.enrollments[over].argmax()])
        rows = rows[rows["hour"].isin(over)]
        what = amount(view.enrollments[worst], "enrolment")
        when, usual_then = f"in the hour from {worst:02}:00 UTC", usual[worst]
    elif view.enrollments.sum() >= max(2 * limits["enrollments"], limits["times_usual_day"] * usual_day):
        what, when, usual_then = amount(view.enrollments.sum(), "enrolment"), "on this day", usual_day
    else:
        return []
    sentence = f"{what} {when} ({{span}}), where {plain(round(usual_then, 1))} is usual."
    return [finding_of(ENROLLMENT_BURST, "", sentence, view.lines, rows)]


def _known(table: Array) -> Array:
    """Return a table in which a row without any value has zeros."""
    return np.where(np.isfinite(table).any(axis=1, keepdims=True), table, 0.0)


def _median_and_spread(table: Array) -> tuple[Array, Array]:
    """Return the median of each row and the spread around it, which single values do not change."""
    known = _known(table)
    median = np.nanmedian(known, axis=1)
    return median, 1.4826 * np.nanmedian(np.abs(known - median[:, None]), axis=1)


def _mean(table: Array) -> Array:
    mean: Array = np.nanmean(_known(table), axis=1)
    return mean


def _at_the_pace_of_the_day(by_hour: Array, usual: Array) -> Array:
    """Return how many enrolments each hour would have if it were as busy as the day's other hours.

    On the day of a roll-out all working hours have more than usual; in a burst, only a few hours have.
    """
    expected = np.empty(len(usual))
    for hour in range(len(usual)):
        near = slice(max(0, hour - 2), hour + 3)
        others = usual.sum() - usual[near].sum()
        pace = (by_hour.sum() - by_hour[near].sum()) / others if others > 0 else 1.0
        expected[hour] = usual[hour] * max(1.0, pace)
    return expected
