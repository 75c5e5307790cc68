"""`in_place`: every line of the feed is in the folder of its hour, once."""

from duo_pipeline.defs.checks.evaluations import Verdict
from duo_pipeline.landing.placement import Placement

DESCRIPTION = "Every line in the hour's folder of the feed belongs to the hour, and is there once."


def verdict(placement: Placement, lines: int) -> Verdict:
    """Return the verdict on an hour, by where its lines lie."""
    doubled = placement.doubled()
    wrong = []
    if placement.astray:
        wrong.append(f"{placement.astray} lines belong to another hour, the first at {placement.astray_at}")
    if doubled:
        wrong.append(f"{doubled} lines are duplicates")
    if not wrong:
        return Verdict(True, f"Each of {lines} lines is in the folder of its hour, once.")
    return Verdict(
        False,
        f"Of {lines} lines {' and '.join(wrong)}: find out what else writes below S3_PREFIX. SecOps has"
        " ingested these lines.",
    )
