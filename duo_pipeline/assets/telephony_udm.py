"""`duo/telephony_udm`: what SecOps will show of each hour."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import dagster as dg

from duo_pipeline import checks, ndjson, settings
from duo_pipeline.assets.figures import udm_figures
from duo_pipeline.assets.recording import Metadata, Recording
from duo_pipeline.landing import keys
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.bucket import BucketError
from duo_pipeline.landing.feed import Feed, Listing
from duo_pipeline.landing.hour_lines import hour_lines
from duo_pipeline.landing.hour_queue import AT_ONCE
from duo_pipeline.landing.placement import Placement
from duo_pipeline.partitions import hour_of
from duo_pipeline.resources import TelephonyFeed
from duo_pipeline.udm.findings import Findings
from duo_pipeline.udm.lines import event_lines

_When = dg.AutomationCondition
FOLLOW = (
    (
        _When.any_deps_match(_When.newly_updated()).since(_When.newly_updated() | _When.newly_requested())
        | (_When.missing() & _When.cron_tick_passed("20 * * * *"))
    )
    & ~_When.any_deps_missing()
    & ~_When.any_deps_in_progress()
    & ~_When.in_progress()
)
"""An hour, however old, whose lines are newer than its events; once an hour also those that have none.

In a run of both assets, a failure of some hours makes Dagster skip the events of all of them. Its own
``eager()`` leaves them so: it passes over what was updated by a run that was to make the events, too.
"""


def telephony_udm(account: str, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Make the asset of one Duo account.

    Args:
        account: Its name, the first part of the asset's key.
        partitions: The hours.
    """
    key = dg.AssetKey([account, "telephony_udm"])

    @dg.asset(
        key=key,
        description="The UDM events that Google's parser makes of the hour's lines: what SecOps will show,"
        " known before the feed reads it. It reads S3 alone, never Duo.",
        deps=[[account, "telephony_ndjson"]],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=account,
        kinds={"s3", "json"},
        automation_condition=FOLLOW,
        check_specs=[checks.in_place(key, partitions)],
    )
    def asset(context: dg.AssetExecutionContext, telephony_feed: TelephonyFeed) -> dg.MaterializeResult:  # type: ignore[type-arg]
        verdicts: dict[datetime, checks.Verdict] = {}
        recording = Recording(context)
        try:
            feed = telephony_feed.open(settings.feed(os.environ))
            there = Listing(feed.bucket, feed.prefix)
            hours = sorted(hour_of(key) for key in context.partition_keys)
            with ThreadPoolExecutor(AT_ONCE) as threads:
                written = threads.map(lambda hour: _write_events(feed, hour, there.of(hour)), hours)
                for hour, (figures, verdicts[hour]) in zip(hours, written, strict=True):
                    recording.add(hour, figures)
        except (settings.SettingsError, BucketError) as error:
            recording.write()
            checks.record(context, checks.IN_PLACE, verdicts)
            raise dg.Failure(str(error), allow_retries=False) from None
        except BaseException:
            recording.write()
            raise
        recording.finish()
        return dg.MaterializeResult(check_results=[checks.result(context, checks.IN_PLACE, verdicts)])

    return asset


def _write_events(feed: Feed, hour: datetime, there: list[str]) -> tuple[Metadata, checks.Verdict]:
    """Write the events of an hour, looking at its lines on the way."""
    findings, placement = Findings(), Placement(hour, objects=len(there))
    lines = 0

    def placed() -> Iterator[tuple[str, dict[str, Any] | None]]:
        nonlocal lines
        for line in hour_lines(feed, there):
            lines += 1
            record = ndjson.record(line.text)
            placement.look_at(line, record)
            yield f"{line.object}:{line.number}", record

    uri = None
    with Body() as body:
        for event in event_lines(placed(), findings):
            body.write(event)
        if body.lines:
            key = keys.events_key(feed.work_prefix, hour)
            feed.bucket.put(key, body)
            uri = feed.bucket.uri(key)
    return udm_figures(findings, lines=lines, uri=uri), _verdict(placement, lines)


def _verdict(placement: Placement, lines: int) -> checks.Verdict:
    doubled = placement.doubled()
    wrong = []
    if placement.astray:
        wrong.append(f"{placement.astray} lines are not of this hour, the first at {placement.astray_at}")
    if doubled:
        wrong.append(f"{doubled} lines stand there once too often")
    if not wrong:
        return checks.Verdict(True, f"Each of {lines} lines lies in its hour, once.")
    return checks.Verdict(
        False,
        f"Of {lines} lines {' and '.join(wrong)}: find out what else writes below S3_PREFIX, for SecOps has"
        " ingested them.",
    )
