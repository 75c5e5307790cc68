"""When Dagster learns that an hour is done."""

import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime

import dagster as dg

from duo_pipeline.defs.checks.evaluations import COMPLETE, Verdict, record
from duo_pipeline.defs.partitions import key_of

WRITE_AFTER_SECONDS = 20.0
"""How long a finished hour may wait for the end of the run. The next page or hour after that records it:
within a minute of its landing, unless Duo's next answer takes longer. One may take `ANSWER_SECONDS`."""

Metadata = Mapping[str, dg.MetadataValue]


class Materializations:
    """The hours that a step has done, each with its metadata.

    Dagster writes an event for each hour when the step succeeds, and none when it fails. So a step that ends
    soon leaves the writing to Dagster: one event for each hour. Hours that have waited too long are written
    without waiting for the end, and survive a failure and a SIGKILL. Their second event, at the end, has the
    same metadata.

    Args:
        context: The step's context.
        asset: The key of the asset.
        monotonic: Seconds of a clock that never jumps.
    """

    def __init__(
        self,
        context: dg.OpExecutionContext | dg.AssetExecutionContext,
        asset: dg.AssetKey,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._context = context
        self._asset = asset
        self._monotonic = monotonic
        self._done: dict[datetime, Metadata] = {}
        self._waiting: dict[datetime, Metadata] = {}
        self._waiting_since = 0.0

    @property
    def done(self) -> Collection[datetime]:
        """The hours that are done."""
        return self._done.keys()

    def add(self, hour: datetime, metadata: Metadata) -> None:
        """Add an hour that is done."""
        if not self._waiting:
            self._waiting_since = self._monotonic()
        self._done[hour] = self._waiting[hour] = metadata
        self.write_if_due()

    def add_written(self, hours: Mapping[datetime, Metadata]) -> None:
        """Add hours that are done, and that Dagster knows already."""
        self._done.update(hours)

    def write_if_due(self) -> None:
        """Write the waiting hours if the first of them has waited long enough."""
        if self._waiting and self._monotonic() - self._waiting_since >= WRITE_AFTER_SECONDS:
            self.write()

    def write(self) -> None:
        """Write the waiting hours: before a long wait, and before a failure ends the step."""
        for hour, metadata in self._waiting.items():
            self._context.log_event(
                dg.AssetMaterialization(self._asset, partition=key_of(hour), metadata=metadata)
            )
        self._waiting.clear()

    def take_back(self, verdicts: Mapping[datetime, Verdict]) -> None:
        """Withdraw hours that turn out to be red.

        What was written of an hour stays in Dagster's log. So the hour's check turns red at once, which
        survives a SIGKILL of the step: a retry of the run and the schedule both read the hour again.
        """
        written = {}
        for hour, verdict in verdicts.items():
            if self._done.pop(hour, None) is not None and self._waiting.pop(hour, None) is None:
                written[hour] = verdict
        record(self._context, self._asset, COMPLETE, written)

    def pass_metadata(self, context: dg.AssetExecutionContext) -> None:
        """Pass the metadata to Dagster, for the events that it writes when the step succeeds."""
        for hour, metadata in self._done.items():
            context.add_asset_metadata(metadata, partition_key=key_of(hour))
