"""What people are told: which hours, why, what to do, and where to look."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from duo_pipeline.partitions import named

_REASON = 1000


class Message(NamedTuple):
    """A message to people; neither a secret nor a phone number is in it."""

    subject: str
    text: str


def failed(asset: str, hours: Collection[datetime], *, reason: str, run_id: str, ui_url: str) -> Message:
    """Say that a run has failed.

    Args:
        asset: The asset's key, as ``duo/telephony_ndjson``.
        hours: Those of the run's hours that are not done.
        reason: Why, as a sentence.
        run_id: The run.
        ui_url: Where Dagster's UI is, if anybody knows.
    """
    return Message(
        f"{asset} has failed: {named(hours)}",
        _paragraphs(
            f"A run has failed, and these hours (UTC) of {asset} are not done: {named(hours)}.",
            f"Why: {reason[:_REASON]}",
            "What to do: if the reason is yours to remove, remove it. Hours of telephony_ndjson"
            " that the schedule telephony_hourly looks back upon are requested again each hour; others have"
            " to be materialized by hand (docs/operations.md).",
            f"The run: {_link(ui_url, f'runs/{run_id}', run_id)}",
            _ONCE,
        ),
    )


def overdue(asset: str, hours: Collection[datetime], *, why: str, ui_url: str) -> Message:
    """Say that hours should have been done by now.

    Args:
        asset: The asset's key.
        hours: The hours.
        why: What became of how many of them, as a clause.
        ui_url: Where Dagster's UI is, if anybody knows.
    """
    return Message(
        f"{asset} is overdue: {named(hours)}",
        _paragraphs(
            f"These hours (UTC) of {asset} should be done, and are not: {named(hours)}.",
            f"Why: {why}.",
            "What to do: see in the UI that the schedule telephony_hourly is on and what the queue of runs"
            " waits for, or materialize these hours yourself (docs/operations.md).",
            f"The hours: {_link(ui_url, _partitions(asset), asset)}",
            _ONCE,
        ),
    )


def over(asset: str, hours: Collection[datetime], *, lost: Collection[datetime], ui_url: str) -> Message:
    """Say that a trouble is over.

    Args:
        asset: The asset's key.
        hours: All of the trouble's hours.
        lost: Those of them that Duo no longer keeps, and that nobody can read any more.
        ui_url: Where Dagster's UI is, if anybody knows.
    """
    end = "is over" if not lost else "can no longer be helped"
    return Message(
        f"{asset} {end}: {named(hours)}",
        _paragraphs(
            f"The trouble with these hours (UTC) of {asset} {end}: {named(hours)}.",
            f"Duo no longer keeps these of them, which were never read: {named(lost)}."
            if lost
            else "All of them are done.",
            f"The hours: {_link(ui_url, _partitions(asset), asset)}",
        ),
    )


_ONCE = (
    "This is said once. Hours that follow upon these join them without another message; when all of them are"
    " done, that is said, too."
)


def _paragraphs(*paragraphs: str) -> str:
    return "\n\n".join(paragraphs) + "\n"


def _partitions(asset: str) -> str:
    return f"assets/{asset}?view=partitions"


def _link(ui_url: str, path: str, otherwise: str) -> str:
    return f"{ui_url}/{path}" if ui_url else otherwise
