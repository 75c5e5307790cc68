"""The line that people see for each page of a backfill."""

import pytest

from duo_pipeline import instants
from duo_pipeline.defs.assets.progress import Progress


@pytest.mark.parametrize(
    ("received", "total", "seconds", "said"),
    [
        (
            1000,
            4000,
            120,
            "Page 1: 1,000 of 4,000 records (25%), up to 2026-11-23 05:00 UTC, about 6 min left",
        ),
        (1000, 4000, 2, "Page 1: 1,000 of 4,000 records (25%), up to 2026-11-23 05:00 UTC, about 6 s left"),
        (1000, 90_000, 120, "about 2 h 58 min left"),
        (1000, 1290, 1, "Page 1: 1,000 of 1,290 records (78%), up to 2026-11-23 05:00 UTC"),
        (1290, 1290, 60, "Page 1: 1,290 of 1,290 records (100%), up to 2026-11-23 05:00 UTC"),
        (1000, None, 60, "Page 1: 1,000 records, up to 2026-11-23 05:00 UTC"),
        (0, 0, 1, "Page 1: 0 of 0 records (100%), up to 2026-11-23 05:00 UTC"),
    ],
)
def test_it_says_records_hour_share_and_time_left(
    received: int, total: int | None, seconds: float, said: str
) -> None:
    lines: list[str] = []
    reached = instants.parse("2026-11-23T05:17:00Z")
    clock = iter([100.0, 100.0 + seconds])
    Progress(lines.append, lambda: next(clock)).page(received, total, reached)
    assert lines[0].endswith(said)
