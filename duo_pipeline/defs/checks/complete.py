"""`complete`: Duo's answers give no reason to doubt the hour, and all of its records could land."""

from duo_pipeline.defs.checks.evaluations import Verdict
from duo_pipeline.landing.hour import Landed

DESCRIPTION = (
    "Duo's answers give no reason to doubt that the hour is complete: Duo showed as many records as it"
    " counts, in order of time, and all of them could land."
)


def in_doubt(doubts: str, landed: Landed | None) -> Verdict:
    """Return the verdict on an hour whose query gives reasons for doubt.

    Args:
        doubts: The reasons, as clauses.
        landed: What has landed of the hour, if anything is known of it.
    """
    sentence = (
        f"{doubts}: what Duo showed is in S3, and the schedule requests this hour again. If the hour"
        " stays red, look at status.duo.com, and ask Duo's support."
    )
    if landed and landed.rejects:
        sentence += f" {rejected(landed).sentence}"
    return Verdict(False, sentence)


def rejected(landed: Landed) -> Verdict:
    """Return the verdict on an hour with items that cannot land."""
    reasons = ", ".join(f"{reason}: {count:,}" for reason, count in landed.rejects.items())
    return Verdict(
        False,
        f"{landed.rejects.total():,} items cannot land, so SecOps will not get them ({reasons}). What Duo"
        f" sent is kept in {landed.rejects_uri}: report it to Duo's support.",
    )
