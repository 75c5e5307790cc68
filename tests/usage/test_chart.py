"""The chart of the credits of each hour."""

from datetime import timedelta

from duo_pipeline.usage.chart import DAYS, chart
from tests.usage.days import DAY


def test_the_chart_has_a_row_for_each_day_and_marks_the_last() -> None:
    day = DAY.date()
    before = day - timedelta(days=1)
    rows = chart(day, {day: [0.0, 1.0, 8.0, *[None] * 21], before: [4.0] * 24}).splitlines()
    assert len(rows) == DAYS + 2
    assert rows[-3:-1] == ["11-22 " + "▄" * 24, "11-23  ▁█" + "·" * 21 + " ◀"]
    assert rows[1] == "10-27 " + "·" * 24
    assert rows[-1] == "█ 8 credits  · no usage"


def test_dagsters_ui_shows_the_chart_in_place() -> None:
    day = DAY.date()
    full = {day - timedelta(days=back): [1_000_000.0] * 24 for back in range(DAYS)}
    assert len(f"```\n{chart(day, full)}\n```") < 1000
