"""`in_place`: every line of the feed is in the folder of its hour, once."""

from duo_pipeline.defs.checks.evaluations import Verdict
from duo_pipeline.landing.placement import Placement

DESCRIPTION = "Every line in the hour's folder of the feed belongs to the hour, and is there once."


def verdict(placement: Placement, lines: int) -> Verdict:
    """Return the verdict on an hour, by where its lines lie."""
    doubled = placement.doubled()
    wrong = []
    if placement.astray:
        wrong.append(
            f"{placement.astray:,} of {lines:,} lines belong to another hour or have no time"
            f" (first: {placement.astray_at})"
        )
    if doubled:
        wrong.append(f"{doubled:,} of {lines:,} lines are duplicates")
    if not wrong:
        return Verdict(True, f"Each of {lines:,} lines is in the folder of its hour, once.")
    return Verdict(
        False,
        f"{' and '.join(wrong)}: find out what else writes below S3_PREFIX, and stop it. SecOps has already"
        " ingested these lines.",
    )
