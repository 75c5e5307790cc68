"""A row of the table: what was measured, its baseline, and whether the ratio is good enough."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from rich.table import Table

RECORDS_A_PAGE = 1000
WIDTH = 140
"""The least width of the table."""


@dataclass(frozen=True)
class Target:
    """What a ratio should be, in words and as a test."""

    words: str
    holds: Callable[[float], bool]


def at_most(most: float) -> Target:
    """Return the target that the ratio does not exceed this."""
    return Target(f"≤ {most:g}", lambda ratio: ratio <= most)


def at_least(least: float) -> Target:
    """Return the target that the ratio reaches this."""
    return Target(f"≥ {least:g}", lambda ratio: ratio >= least)


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: What was measured, and the baseline.
        measured: The measured value, with its unit.
        baseline: The value of the baseline, with its unit.
        ratio: The measured value divided by the baseline, with its spread if there were repetitions.
        target: What the ratio should be; empty if there is no target.
        met: Whether the target is met; None if there is no target.
    """

    what: str
    measured: str
    baseline: str
    ratio: str
    target: str = ""
    met: bool | None = None


def compared(what: str, pairs: Sequence[tuple[float, float]], target: Target | None, unit: str = "s") -> Row:
    """Make a row of repetitions. Each measured both sides, one after the other.

    The machine may be busy with other things. That slows both sides of a repetition, so the ratio is the
    median of the ratios of all repetitions.
    """
    ratios = sorted(measured / baseline for measured, baseline in pairs)
    ratio = median(ratios)
    spread = f" ({ratios[0]:,.2f} to {ratios[-1]:,.2f})" if len(ratios) > 1 else ""
    return Row(
        what,
        f"{median(measured for measured, _ in pairs):,.2f} {unit}",
        f"{median(baseline for _, baseline in pairs):,.2f} {unit}",
        f"{ratio:,.2f}{spread}",
        target.words if target else "",
        target.holds(ratio) if target else None,
    )


def requests_row(what: str, requests: int, records: int) -> Row:
    """Make a row of requests and pages; there may be 2 % more requests than pages, or one more."""
    pages = max(1, -(-records // RECORDS_A_PAGE))
    return Row(
        f"requests: {what}",
        f"{requests:,}",
        f"{pages:,} pages ({records:,} records)",
        f"{requests / pages:,.2f}",
        "≤ 1.02, or one more",
        requests <= max(pages + 1, pages * 1.02),
    )


def table(title: str, rows: Sequence[Row]) -> Table:
    """Make the table of the rows."""
    table = Table(
        "what",
        "measured",
        "baseline",
        "ratio (least to most)",
        "target",
        "met",
        title=title,
        title_justify="left",
    )
    for row in rows:
        met = {None: "", True: "[green]yes[/]", False: "[red]NO[/]"}[row.met]
        table.add_row(row.what, row.measured, row.baseline, row.ratio, row.target, met)
    return table


def verdict(rows: Sequence[Row]) -> str:
    """Return a sentence that says which targets are not met."""
    with_target = [row for row in rows if row.met is not None]
    missed = [row.what for row in with_target if not row.met]
    if not missed:
        return f"All {len(with_target)} targets are met."
    return f"{len(missed)} of {len(with_target)} targets are NOT met: {'; '.join(missed)}."
