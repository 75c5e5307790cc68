"""A row of the table: what was measured, against what, and whether that is good enough."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes:
        what: What was measured.
        measured: Its figure, with the unit.
        baseline: What it is held against, with the unit.
        ratio: The first by the second.
        target: What the ratio should be, in words; empty if there is no target.
        met: Whether it is; nothing if there is no target.
    """

    what: str
    measured: str
    baseline: str
    ratio: float
    target: str = ""
    met: bool | None = None


def at_most(what: str, measured: float, baseline: float, most: float, unit: str = "s") -> Row:
    """Make a row whose ratio must not exceed a limit."""
    ratio = measured / baseline
    return Row(
        what, f"{measured:,.2f} {unit}", f"{baseline:,.2f} {unit}", ratio, f"at most {most:g}", ratio <= most
    )


def requests_row(what: str, requests: int, records: int) -> Row:
    """Make a row of requests against the pages that there are: within 2 %, or one request."""
    pages = max(1, -(-records // 1000))
    met = requests <= max(pages + 1, pages * 1.02)
    return Row(
        f"requests for {what}",
        f"{requests:,}",
        f"{pages:,} pages ({records:,} records)",
        requests / pages,
        "at most 1.02, or one more",
        met,
    )
