"""`duo/telephony_udm`: what SecOps will show of each hour."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime

import dagster as dg

from duo_pipeline.config import settings
from duo_pipeline.config.account import Account
from duo_pipeline.defs.assets.harmless_errors import harmless_errors
from duo_pipeline.defs.assets.materializations import Materializations, Metadata
from duo_pipeline.defs.assets.metadata import table_or_none, text_or_null
from duo_pipeline.defs.checks import evaluations, in_place
from duo_pipeline.defs.checks.evaluations import IN_PLACE, Verdict
from duo_pipeline.defs.checks.udm import UDM_CHECKS, verdict
from duo_pipeline.defs.partitions import hour_of
from duo_pipeline.defs.resources import feed_of
from duo_pipeline.landing import keys
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.bucket import BucketError
from duo_pipeline.landing.feed import Feed, Listing
from duo_pipeline.landing.hour_lines import hour_lines
from duo_pipeline.landing.hour_queue import CONCURRENT_HOURS
from duo_pipeline.landing.placement import Placement
from duo_pipeline.landing.spill import SpillError
from duo_pipeline.masking import shown
from duo_pipeline.udm.findings import FactCount, Findings
from duo_pipeline.udm.lines import event_lines

_BAR = 10
_NO_BREAK = "\N{NO-BREAK SPACE}"
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
    descriptions = {IN_PLACE: in_place.DESCRIPTION, **{check.name: check.description for check in UDM_CHECKS}}

    @dg.asset(
        key=key,
        description="The UDM events that Google's parser makes of the hour's lines: what SecOps will show,"
        " before it reads them. This asset reads only S3, never Duo.",
        deps=[[account.name, "telephony_ndjson"]],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        required_resource_keys={account.feed_resource},
        group_name=account.name,
        kinds={"s3", "json"},
        automation_condition=LINES_ARE_NEWER,
        check_specs=[
            evaluations.spec_by_partition(name, description, key, partitions)
            for name, description in descriptions.items()
        ],
    )
    @harmless_errors()
    def asset(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
        verdicts: dict[str, dict[datetime, Verdict]] = {name: {} for name in descriptions}
        done = Materializations(context, key)
        try:
            feed = feed_of(context.resources, account)
            existing = Listing(feed.bucket, feed.prefix)
            before = Listing(feed.bucket, keys.udm_prefix(feed.work_prefix))
            hours = sorted(hour_of(key) for key in context.partition_keys)
            with ThreadPoolExecutor(CONCURRENT_HOURS) as threads:
                jobs = ((feed, hour, existing.of(hour), before.of(hour)) for hour in hours)
                written = threads.map(lambda job: _write_events(*job), jobs)
                for hour, (metadata, of_hour) in zip(hours, written, strict=True):
                    done.add(hour, metadata)
                    for name, one in of_hour.items():
                        verdicts[name][hour] = one
        except (settings.SettingsError, BucketError, SpillError) as error:
            done.write()
            for name in verdicts:
                evaluations.record(context, key, name, verdicts[name])
            raise dg.Failure(str(error), allow_retries=False) from None
        except BaseException:
            done.write()
            raise
        done.pass_metadata(context)
        return dg.MaterializeResult(
            check_results=[evaluations.result(context, name, verdicts[name]) for name in verdicts]
        )

    return asset


def _write_events(
    feed: Feed, hour: datetime, objects: list[str], written_before: list[str]
) -> tuple[Metadata, dict[str, Verdict]]:
    """Write the events and findings of an hour, and check on the way where its lines lie."""
    findings = Findings()
    events = found = None
    with Body() as body, closing(Placement(hour, objects=len(objects))) as placement:
        body.write_all(event_lines(hour_lines(feed, objects), findings, placement.look_at))
        place = in_place.verdict(placement, findings.lines)
        if body.lines:
            events = keys.events_key(feed.work_prefix, hour)
            feed.bucket.put(events, body)
    with Body() as body:
        body.write_all(findings.ndjson_lines())
        key = keys.findings_key(feed.work_prefix, hour)
        if body.lines or key in written_before:
            found = key
            feed.bucket.put(found, body)
    metadata = udm_metadata(
        findings,
        events=feed.bucket.uri(events) if events else None,
        found=feed.bucket.uri(found) if found else None,
    )
    verdicts = {check.name: verdict(check, findings) for check in UDM_CHECKS}
    return metadata, {IN_PLACE: place, **verdicts}


def udm_metadata(findings: Findings, *, events: str | None, found: str | None) -> dict[str, dg.MetadataValue]:
    """Return the metadata of an hour, with the URIs of its events and its findings, if there are any."""
    return {
        "lines": dg.MetadataValue.int(findings.lines),
        "events": dg.MetadataValue.int(findings.events_by_type.total()),
        "events_by_type": dg.MetadataValue.json(dict(findings.events_by_type)),
        "facts": _facts_chart(findings.fact_counts()),
        "findings": dg.MetadataValue.int(findings.total),
        "violations": dg.MetadataValue.int(findings.violations),
        "findings_table": _findings_table(findings),
        "object": text_or_null(events),
        "findings_object": text_or_null(found),
    }


def _facts_chart(counts: Sequence[FactCount]) -> dg.MetadataValue:
    """Return a table with a bar for each UDM field that a field of the lines fills."""
    rows = []
    for udm, raw, lines, events in counts:
        if raw and lines:
            share = events / lines
            bar = "█" * round(share * _BAR) + "░" * (_BAR - round(share * _BAR))
            rows.append((f"`{udm}`", raw, f"{lines:,}", f"{events:,}", f"{bar}{_NO_BREAK}{share:.0%}"))
    return table_or_none(("UDM field", "from", "lines", "events", "arrives"), rows)


def _findings_table(findings: Findings) -> dg.MetadataValue:
    rows = []
    for issue, lines, places in findings.findings():
        first = places[0]
        whose = shown(first.record_id or "")
        rows.append((issue.sentence, issue.type.severity, f"{lines:,}", str(first), whose))
    return table_or_none(("finding", "severity", "lines", "first place", "telephony_id"), rows)
