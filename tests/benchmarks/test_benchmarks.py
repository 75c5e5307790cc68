"""The arithmetic of the benchmarks' table."""

import pytest

from benchmarks.rows import at_least, at_most, compared, requests_row, verdict


def test_the_ratio_is_the_median_of_the_repetitions_own_ratios() -> None:
    row = compared("hours", [(2.0, 1.0), (30.0, 10.0), (5.0, 1.0)], at_most(3))
    assert row.ratio == "3.00 (2.00 to 5.00)"
    assert (row.measured, row.baseline, row.met) == ("5.00 s", "1.00 s", True)


def test_targets() -> None:
    assert not compared("x", [(1.26, 1)], at_most(1.25)).met
    assert compared("x", [(50, 1)], at_least(50)).met
    assert compared("x", [(9, 1)], None).met is None


@pytest.mark.parametrize(
    ("requests", "records", "met"),
    [(6, 5_000, True), (7, 5_000, False), (102, 100_000, True), (103, 100_000, False), (1, 0, True)],
)
def test_requests_are_held_against_full_pages(requests: int, records: int, *, met: bool) -> None:
    assert requests_row("a range", requests, records).met is met


def test_what_is_missed_is_said() -> None:
    good, bad = compared("good", [(1, 1)], at_most(2)), compared("bad", [(3, 1)], at_most(2))
    assert verdict([good]) == "All 1 targets are met."
    assert verdict([good, bad]) == "1 of 2 targets are NOT met: bad."
