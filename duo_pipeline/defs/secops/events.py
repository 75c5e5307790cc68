"""`duo/secops_events`: what SecOps has of each hour, compared with the feed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import dagster as dg

from duo_pipeline import ndjson
from duo_pipeline.config import settings
from duo_pipeline.config.account import Account
from duo_pipeline.config.secops import LineHost, SecOpsSettings
from duo_pipeline.defs.checks.evaluations import RECEIVED, Verdict, record_one, spec_by_partition
from duo_pipeline.defs.partitions import hour_of, key_of, named
from duo_pipeline.defs.resources import SecOpsInstance, feed_of
from duo_pipeline.landing import keys
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.bucket import BucketError
from duo_pipeline.landing.feed import Feed
from duo_pipeline.landing.hour_lines import hour_lines
from duo_pipeline.landing.hour_queue import CONCURRENT_HOURS
from duo_pipeline.landing.line import is_countable, record_id
from duo_pipeline.landing.spill import SpillError
from duo_pipeline.secops.errors import SecOpsError
from duo_pipeline.secops.receipts import FeedLine, HourInFeed, Receipt, receipts

_DESCRIPTION = "SecOps has one event of each line of the hour in the feed, and no other."


def secops_events(
    account: Account,
    lines: dg.AssetsDefinition,
    partitions: dg.PartitionsDefinition[str],
    now: Callable[[], datetime],
) -> dg.AssetsDefinition:
    """Make the asset of one Duo account.

    An hour that cannot be judged yet is not recorded, so that the schedule requests it again.

    Args:
        account: The account.
        lines: The asset whose hours are in the feed.
        partitions: The hours.
        now: The time, in UTC.
    """
    key = dg.AssetKey([account.name, "secops_events"])

    # Only an asset that may be skipped, and a check that may be left out, may record nothing of an hour.
    @dg.multi_asset(
        name=key.to_python_identifier(),
        specs=[
            dg.AssetSpec(
                key,
                deps=[[account.name, "secops_feed"]],
                description="The receipt of each hour: how many events SecOps has of its lines, how late they"
                " came, and what is missing or doubled. It asks SecOps once for all hours of a run, and never"
                " holds up landing.",
                group_name=account.name,
                kinds={"googlecloud"},
                skippable=True,
            )
        ],
        check_specs=[spec_by_partition(RECEIVED, _DESCRIPTION, key, partitions)],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
        required_resource_keys={account.duo_resource, account.feed_resource, account.secops_resource},
    )
    def asset(context: dg.AssetExecutionContext) -> Iterator[None]:
        landed = context.instance.get_materialized_partitions(lines.key)
        asked = [hour_of(one) for one in sorted(context.partition_keys) if one in landed]
        if len(asked) < len(context.partition_keys):
            context.log.info("Hours that have not landed have no receipt.")
        if asked:
            try:
                for receipt, differences in _receipts(context, account, asked, now()):
                    _record(context, key, receipt, differences)
            except (settings.SettingsError, BucketError, SpillError, SecOpsError) as error:
                raise dg.Failure(str(error), allow_retries=False) from None
        yield from ()  # the receipt of each hour is an event: a result would be one of all hours

    return asset


@dataclass(frozen=True)
class _Hours:
    """The hours of a run in the feed: their objects, and what SecOps can count of them."""

    feed: Feed
    host: str
    shares_host: bool
    objects: Mapping[datetime, Mapping[str, datetime]] = field(default_factory=dict)

    def in_feed(self, hour: datetime) -> HourInFeed:
        objects = self.objects[hour]
        lines = countable = 0
        for key in objects:
            for text in self.feed.bucket.lines(key):
                lines += 1
                countable += not self.shares_host and is_countable(ndjson.record(text) or {}, self.host)
        return HourInFeed(hour, lines, countable, max(objects.values(), default=None))

    def lines_of(self, hour: datetime) -> Iterator[FeedLine]:
        for placed in hour_lines(self.feed, [*self.objects[hour]]):
            record = record_id(ndjson.record(placed.text) or {}).decode(errors="replace")
            yield FeedLine(record, placed.object, placed.number)


def _receipts(
    context: dg.AssetExecutionContext, account: Account, asked: Sequence[datetime], now: datetime
) -> Iterator[tuple[Receipt, str | None]]:
    """Yield the receipts that are no longer open, each with the object of its differences."""
    feed = feed_of(context.resources, account)
    instance: SecOpsInstance = getattr(context.resources, account.secops_resource)
    found: SecOpsSettings = instance.settings()
    text = getattr(context.resources, account.duo_resource).host
    host = settings.parse(LineHost, {"host": text}, account).host.name
    hours = _Hours(feed, host, account.shares_host, _objects(feed, asked))
    secops = found.open()
    with ThreadPoolExecutor(CONCURRENT_HOURS) as threads:
        in_feed = list(threads.map(hours.in_feed, asked))
    made = receipts(
        secops,
        in_feed,
        host=hours.host,
        uri=feed.bucket.uri(feed.prefix),
        now=now,
        wait=timedelta(minutes=found.wait_minutes),
        lines_of=hours.lines_of,
    )
    if early := [receipt for receipt in made if receipt.status == "not yet"]:
        context.log.info(
            f"Not yet: {named([receipt.in_feed.hour for receipt in early])}. {early[-1].sentence}"
        )
    before = feed.bucket.keys(keys.receipts_prefix(feed.work_prefix))
    for receipt in made:
        if receipt.status != "not yet":
            yield receipt, _write_differences(feed, receipt, before)
    context.log.info(f"{secops.requests_sent} requests to SecOps for {len(made)} hours.")


def _objects(feed: Feed, hours: Sequence[datetime]) -> dict[datetime, dict[str, datetime]]:
    """Return the keys of each hour's objects, and when each was written."""
    found: dict[datetime, dict[str, datetime]] = {hour: {} for hour in hours}
    folders = {feed.prefix + keys.hour_folder(hour): hour for hour in hours}
    for day in sorted({keys.day_folder(hour) for hour in hours}):
        for key, written in feed.bucket.written(feed.prefix + day).items():
            hour = folders.get(key[: len(feed.prefix + day) + len("hour=00/")])
            if hour is not None:
                found[hour][key] = written
    return found


def _write_differences(feed: Feed, receipt: Receipt, before: Sequence[str]) -> str | None:
    """Write the records that differ; an object from an earlier receipt is emptied when there are none."""
    key = keys.differences_key(feed.work_prefix, receipt.in_feed.hour)
    differences = receipt.differences or ()
    if not differences and key not in before:
        return None
    with Body() as body:
        body.write_all(ndjson.line(one._asdict()) for one in differences)
        feed.bucket.put(key, body)
    return feed.bucket.uri(key) if differences else None


def _record(
    context: dg.AssetExecutionContext, key: dg.AssetKey, receipt: Receipt, differences: str | None
) -> None:
    has, partition = receipt.has, key_of(receipt.in_feed.hour)
    newest = f"{has.newest:%Y-%m-%dT%H:%M:%SZ}" if has.newest else None
    context.log_event(
        dg.AssetMaterialization(
            key,
            partition=partition,
            metadata={
                "lines": receipt.in_feed.lines,
                "events": has.events,
                "records": has.records,
                "newest": newest,
                "median_lag_minutes": has.median_lag_minutes,
                "refused": receipt.refused,
                "status": receipt.status,
                "receipt": receipt.sentence,
                "differences": differences,
            },
        )
    )
    if receipt.in_feed.lines and not receipt.in_feed.countable:
        return  # nothing can be said, so the check says nothing
    record_one(context, key, RECEIVED, partition, Verdict(not receipt.is_red, receipt.sentence))
