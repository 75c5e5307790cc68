"""`duo/telephony_udm`: what SecOps will show of each hour."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import NamedTuple

import dagster as dg

from duo_pipeline.config import settings
from duo_pipeline.config.account import Account
from duo_pipeline.defs.assets.metadata import udm_metadata
from duo_pipeline.defs.assets.recording import Metadata, Recording
from duo_pipeline.defs.checks import evaluations as checks
from duo_pipeline.defs.checks import in_place
from duo_pipeline.defs.checks.udm import UDM_CHECKS, spec, verdict
from duo_pipeline.defs.partitions import hour_of
from duo_pipeline.defs.resources import TelephonyFeed
from duo_pipeline.landing import keys
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.bucket import BucketError
from duo_pipeline.landing.feed import Feed, Listing
from duo_pipeline.landing.hour_lines import hour_lines
from duo_pipeline.landing.hour_queue import CONCURRENT_HOURS
from duo_pipeline.landing.placement import Placement
from duo_pipeline.udm.findings import Findings
from duo_pipeline.udm.lines import event_lines

SEVERITIES = {
    checks.IN_PLACE: dg.AssetCheckSeverity.ERROR,
    **{check.name: check.severity for check in UDM_CHECKS},
}
_When = dg.AutomationCondition
LINES_ARE_NEWER = (
    (
        _When.any_deps_match(_When.newly_updated()).since(_When.newly_updated() | _When.newly_requested())
        | (_When.missing() & _When.cron_tick_passed("20 * * * *"))
    )
    & ~_When.any_deps_missing()
    & ~_When.any_deps_in_progress()
    & ~_When.in_progress()
)
"""Requests each hour, however old, whose lines are newer than its events; once an hour, those without events.

In a run of both assets, a failure of some hours makes Dagster skip the events of all hours. Dagster's own
``eager()`` would never request them: it ignores an update by a run that should have made the events as well.
"""


def telephony_udm(account: Account, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Make the asset of one Duo account.

    Args:
        account: The account.
        partitions: The hours.
    """
    key = dg.AssetKey([account.name, "telephony_udm"])

    @dg.asset(
        key=key,
        description="The UDM events that Google's parser makes of the hour's lines: what SecOps will show,"
        " known before the feed reads it. It reads only S3, never Duo.",
        deps=[[account.name, "telephony_ndjson"]],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        required_resource_keys={account.resources.feed},
        group_name=account.name,
        kinds={"s3", "json"},
        automation_condition=LINES_ARE_NEWER,
        check_specs=[
            in_place.spec(key, partitions),
            *(spec(check, key, partitions) for check in UDM_CHECKS),
        ],
    )
    def asset(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
        verdicts: dict[str, dict[datetime, checks.Verdict]] = {name: {} for name in SEVERITIES}
        recording = Recording(context)
        try:
            resource: TelephonyFeed = getattr(context.resources, account.resources.feed)
            feed = resource.open(resource.settings(account))
            there = Listing(feed.bucket, feed.prefix)
            before = Listing(feed.bucket, keys.udm_prefix(feed.work_prefix))
            hours = sorted(hour_of(key) for key in context.partition_keys)
            with ThreadPoolExecutor(CONCURRENT_HOURS) as threads:
                jobs = ((feed, hour, there.of(hour), before.of(hour)) for hour in hours)
                written = threads.map(lambda job: _write_events(*job), jobs)
                for hour, (metadata, of_hour) in zip(hours, written, strict=True):
                    recording.add(hour, metadata)
                    for name, said in of_hour.items():
                        verdicts[name][hour] = said
        except (settings.SettingsError, BucketError) as error:
            recording.write()
            for name, severity in SEVERITIES.items():
                checks.record(context, context.asset_key, name, verdicts[name], severity)
            raise dg.Failure(str(error), allow_retries=False) from None
        except BaseException:
            recording.write()
            raise
        recording.finish()
        return dg.MaterializeResult(
            check_results=[
                checks.result(context, name, verdicts[name], severity)
                for name, severity in SEVERITIES.items()
            ]
        )

    return asset


class _Written(NamedTuple):
    metadata: Metadata
    verdicts: Mapping[str, checks.Verdict]


def _write_events(feed: Feed, hour: datetime, there: list[str], written_before: list[str]) -> _Written:
    """Write the events and findings of an hour, and check on the way where its lines lie."""
    findings, placement = Findings(), Placement(hour, objects=len(there))
    events = found = None
    with Body() as body:
        body.write_all(event_lines(hour_lines(feed, there), findings, placement.look_at))
        if body.lines:
            events = keys.events_key(feed.work_prefix, hour)
            feed.bucket.put(events, body)
    with Body() as body:
        body.write_all(findings.ndjson_lines())
        key = keys.findings_key(feed.work_prefix, hour)
        if body.lines or key in written_before:
            found = key
            feed.bucket.put(found, body)
    return _Written(
        udm_metadata(
            findings,
            events=feed.bucket.uri(events) if events else None,
            found=feed.bucket.uri(found) if found else None,
        ),
        {
            checks.IN_PLACE: in_place.verdict(placement, findings.lines),
            **{check.name: verdict(check, findings) for check in UDM_CHECKS},
        },
    )
