"""The text of each message: which hours, why, what to do, and where to look."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from duo_pipeline.defs.partitions import named

_REASON = 1000
_ONCE = (
    "You get this message once. If hours next to these go wrong later, they join this incident without"
    " another message. You get one more message when all hours of the incident are fine again."
)


class Message(NamedTuple):
    """A message to people. It contains no secret and no phone number."""

    subject: str
    text: str


class Messages:
    """Writes the messages. Assets are named by their keys, as ``duo/telephony_ndjson``.

    Args:
        ui_url: The URL of Dagster's UI, for links; empty if it is not known.
    """

    def __init__(self, ui_url: str) -> None:
        self._ui_url = ui_url

    def failed(self, asset: str, hours: Collection[datetime], *, reason: str, run_id: str) -> Message:
        """Return the message about hours that a failed run has not done; the reason is a sentence."""
        return _message(
            f"{asset} has failed: {named(hours)}",
            f"A run has failed, and these hours (UTC) of {asset} are not done: {named(hours)}.",
            f"Why: {reason[:_REASON]}",
            "What to do: fix the cause, unless it is an outage that will pass. Each hour, the account's"
            " schedule requests again all hours that have not landed, as far back as DUO_LOOKBACK_HOURS."
            " Materialize older hours by hand (docs/operations.md).",
            f"The run: {self._link(f'runs/{run_id}', run_id)}",
            _ONCE,
        )

    def overdue(self, asset: str, hours: Collection[datetime], *, why: str) -> Message:
        """Return the message about hours that should be done by now; the reason is a clause."""
        return _message(
            f"{asset} is overdue: {named(hours)}",
            f"These hours (UTC) of {asset} should be done by now, but are not: {named(hours)}.",
            f"Why: {why}.",
            "What to do: in the UI, check that the account's hourly schedule is on, and see what the run"
            " queue is waiting for. Or materialize these hours by hand (docs/operations.md).",
            self._hours(asset),
            _ONCE,
        )

    def red(
        self, asset: str, hours: Collection[datetime], *, check: str, sentence: str, warning: bool = False
    ) -> Message:
        """Return the message about a check that is red, or only warns; the sentence is its description."""
        says = "warns" if warning else "is red"
        return _message(
            f"{asset}: {check} {says}: {named(hours)}",
            f"The check {check} of {asset} {says} for these hours (UTC): {named(hours)}.",
            f"Why: {sentence[:_REASON]}",
            "What to do: see 'Why'; docs/operations.md says more about each check.",
            f"The check: {self._link(f'assets/{asset}?view=checks&checkDetail={check}', check)}",
            _ONCE,
        )

    def recovered(self, asset: str, hours: Collection[datetime], *, check: str) -> Message:
        """Return the message that all hours of an incident are fine; without a check, they were not done."""
        fine = f"The check {check} no longer finds anything wrong with them."
        return _message(
            f"{asset} has recovered: {named(hours)}",
            f"The incident with these hours (UTC) of {asset} is over: {named(hours)}.",
            fine if check else "All of them are done.",
            self._hours(asset),
        )

    def lost(self, asset: str, hours: Collection[datetime], *, lost: Collection[datetime]) -> Message:
        """Return the message that Duo no longer keeps some hours of an incident; the others are done."""
        return _message(
            f"{asset} has lost hours: {named(lost)}",
            f"Duo keeps its log for 180 days. These hours (UTC) of {asset} were not read in time and are"
            f" lost: {named(lost)}.",
            f"The incident with these hours is over: {named(hours)}.",
            self._hours(asset),
        )

    def _hours(self, asset: str) -> str:
        return f"The hours: {self._link(f'assets/{asset}?view=partitions', asset)}"

    def _link(self, path: str, otherwise: str) -> str:
        return f"{self._ui_url}/{path}" if self._ui_url else otherwise


def _message(subject: str, *paragraphs: str) -> Message:
    return Message(subject, "\n\n".join(paragraphs) + "\n")
