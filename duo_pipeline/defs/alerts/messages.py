"""The text of each message: which hours, why, what to do, and where to look."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from duo_pipeline.defs.partitions import named

_REASON = 1000


class Message(NamedTuple):
    """A message to people. It contains no secret and no phone number."""

    subject: str
    text: str


def failed(asset: str, hours: Collection[datetime], *, reason: str, run_id: str, ui_url: str) -> Message:
    """Return the message about a failed run.

    Args:
        asset: The asset's key, as ``duo/telephony_ndjson``.
        hours: The hours of the run that are not done.
        reason: Why it failed, as a sentence.
        run_id: The run.
        ui_url: The URL of Dagster's UI; empty if it is not known.
    """
    return Message(
        f"{asset} has failed: {named(hours)}",
        _paragraphs(
            f"A run has failed, and these hours (UTC) of {asset} are not done: {named(hours)}.",
            f"Why: {reason[:_REASON]}",
            "What to do: fix the cause, unless it is an outage that will pass. Each hour, the schedule"
            " telephony_hourly requests the failed hours of telephony_ndjson again, as far back as"
            " DUO_LOOKBACK_HOURS. Materialize any other hours by hand (docs/operations.md).",
            f"The run: {_link(ui_url, f'runs/{run_id}', run_id)}",
            _ONCE,
        ),
    )


def overdue(asset: str, hours: Collection[datetime], *, why: str, ui_url: str) -> Message:
    """Return the message about hours that should be done by now.

    Args:
        asset: The asset's key.
        hours: The hours.
        why: Why they are not done, and how many hours for each reason, as a clause.
        ui_url: The URL of Dagster's UI; empty if it is not known.
    """
    return Message(
        f"{asset} is overdue: {named(hours)}",
        _paragraphs(
            f"These hours (UTC) of {asset} should be done by now, but are not: {named(hours)}.",
            f"Why: {why}.",
            "What to do: in the UI, check that the schedule telephony_hourly is on, and what the run queue is"
            " waiting for. Or materialize these hours by hand (docs/operations.md).",
            f"The hours: {_link(ui_url, _partitions(asset), asset)}",
            _ONCE,
        ),
    )


def wrong(
    asset: str, hours: Collection[datetime], *, check: str, sentence: str, warning: bool, ui_url: str
) -> Message:
    """Return the message about a check that finds hours wrong.

    Args:
        asset: The asset's key.
        hours: The hours that no message has reported yet.
        check: The check's name.
        sentence: The description of its evaluation.
        warning: Whether the check only warns.
        ui_url: The URL of Dagster's UI; empty if it is not known.
    """
    says, is_ = ("warns", "warns of") if warning else ("is wrong", "is red for")
    return Message(
        f"{asset} {says}: {named(hours)}",
        _paragraphs(
            f"The check {check} of {asset} {is_} these hours (UTC): {named(hours)}.",
            f"Why: {sentence[:_REASON]}",
            "What to do: follow the sentence above; docs/operations.md says more about each check.",
            f"The check: {_link(ui_url, f'assets/{asset}?view=checks&checkDetail={check}', check)}",
            _ONCE,
        ),
    )


def over(
    asset: str, hours: Collection[datetime], *, check: str, lost: Collection[datetime], ui_url: str
) -> Message:
    """Return the message that an incident is over.

    Args:
        asset: The asset's key.
        hours: All hours of the incident.
        check: The check that found them wrong; empty if they were not done.
        lost: Its hours that were never read and that Duo no longer keeps.
        ui_url: The URL of Dagster's UI; empty if it is not known.
    """
    where = f"The hours: {_link(ui_url, _partitions(asset), asset)}"
    if lost:
        return Message(
            f"{asset} has lost hours: {named(lost)}",
            _paragraphs(
                f"Duo keeps 180 days. These hours (UTC) of {asset} were not read in time: {named(lost)}.",
                f"The incident with these hours is over: {named(hours)}.",
                where,
            ),
        )
    return Message(
        f"{asset} is over: {named(hours)}",
        _paragraphs(
            f"The incident with these hours (UTC) of {asset} is over: {named(hours)}.",
            f"The check {check} finds nothing wrong with them any more."
            if check
            else "All of them are done.",
            where,
        ),
    )


_ONCE = (
    "This message comes once. Further hours join this incident without another message. When all of its hours"
    " are fine again, one more message says so."
)


def _paragraphs(*paragraphs: str) -> str:
    return "\n\n".join(paragraphs) + "\n"


def _partitions(asset: str) -> str:
    return f"assets/{asset}?view=partitions"


def _link(ui_url: str, path: str, otherwise: str) -> str:
    return f"{ui_url}/{path}" if ui_url else otherwise
