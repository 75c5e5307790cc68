"""`duo/telephony_ndjson`: the hours of Duo's telephony log, landed in S3."""

import os
from collections.abc import Callable, Iterable
from datetime import datetime

import dagster as dg

from duo_pipeline import settings
from duo_pipeline.assets.external import admin_api_log
from duo_pipeline.assets.figures import landed_figures
from duo_pipeline.assets.recording import Recording
from duo_pipeline.duo.admin_api import AdminApi
from duo_pipeline.duo.errors import DuoError
from duo_pipeline.duo.telephony_log import TelephonyLog
from duo_pipeline.landing.bucket import BucketError
from duo_pipeline.landing.hour import Feed, land
from duo_pipeline.partitions import HOUR, hour_of, key_of, refusal
from duo_pipeline.resources import DuoAdminApi, TelephonyFeed

POOL = "duo_admin_api"
"""Duo's quota is one for the whole tenant, so one run at a time reads it."""


class IncompleteLogError(DuoError):
    """Duo counts more records than it showed; what it showed has landed."""


def telephony_ndjson(
    account: str,
    partitions: dg.PartitionsDefinition[str],
    settle_minutes: int,
    now: Callable[[], datetime],
) -> dg.AssetsDefinition:
    """Make the asset of one Duo account.

    Args:
        account: Its name, the first part of the asset's key.
        partitions: The hours.
        settle_minutes: How long after its end an hour is settled.
        now: The time, in UTC.
    """

    @dg.asset(
        key=[account, "telephony_ndjson"],
        description="Duo's telephony records of the hour, as the log objects that SecOps reads. A run over"
        " several hours reads them with one query. Running an hour again is harmless: what is in S3 is not"
        " written again, and a record that Duo shows late lands as a new object.",
        deps=[admin_api_log(account)],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=POOL,
        group_name=account,
        kinds={"s3", "json"},
    )
    def asset(
        context: dg.AssetExecutionContext, duo_admin_api: DuoAdminApi, telephony_feed: TelephonyFeed
    ) -> None:
        hours = sorted(hour_of(key) for key in context.partition_keys)
        refused = {hour: why for hour in hours if (why := refusal(hour, now(), settle_minutes))}
        for hour, why in refused.items():
            context.log.error(f"The hour {key_of(hour)} {why}.")
        readable = [hour for hour in hours if hour not in refused]
        recording = Recording(context)
        if readable:
            try:
                duo, feed = settings.duo_and_feed(os.environ)

                def on_wait(reason: str, seconds: float) -> None:
                    recording.write()
                    context.log.warning(f"{reason}; the next try is in {seconds:.0f} s")

                _land_hours(
                    context,
                    recording,
                    duo_admin_api.open(duo, on_wait),
                    telephony_feed.open(feed),
                    readable,
                )
            except IncompleteLogError as error:
                recording.discard()
                raise _failure(str(error), [], len(hours)) from None
            except (settings.SettingsError, DuoError, BucketError) as error:
                recording.write()
                raise _failure(str(error), readable[recording.done :], len(hours)) from None
        if refused:
            recording.write()
            raise _failure(
                f"{_range(refused)} cannot be read: the hour {key_of(min(refused))} {refused[min(refused)]}.",
                [],
                len(hours),
            )
        recording.finish()

    return asset


def _land_hours(
    context: dg.AssetExecutionContext, recording: Recording, api: AdminApi, feed: Feed, hours: list[datetime]
) -> None:
    """Read the hours with one query, and land and record each when it is complete."""
    pages = 0

    def on_page(log: TelephonyLog) -> None:
        nonlocal pages
        pages += 1
        of = f" of {log.total.value:,}" if log.total else ""
        reached = f", up to {log.reached.utc}" if log.reached else ""
        context.log.info(f"Page {pages}: {log.received:,}{of} records{reached}")
        recording.write_if_due()

    known = context.instance.get_materialized_partitions(context.asset_key)
    log = TelephonyLog(api, hours[0], hours[-1] + HOUR, on_page)
    sent_before = 0
    for hour, entries in log.hours():
        landed = land(feed, hour, entries, host=api.host.name)
        requests, sent_before = api.requests_sent - sent_before, api.requests_sent
        figures = landed_figures(landed, log=log, requests=requests, read_before=key_of(hour) in known)
        recording.add(hour, figures)
    if log.missing:
        raise IncompleteLogError(
            f"Duo counts {log.missing:,} records more than it showed for {_range(hours)}: what it showed"
            " has landed, run these hours again for the rest."
        )


def _failure(reason: str, not_landed: list[datetime], of: int) -> dg.Failure:
    if of > 1 and not_landed:
        reason = (
            f"{reason.removesuffix('.')}; {of - len(not_landed)} of {of} hours have landed, run"
            f" {_range(not_landed)} again."
        )
    return dg.Failure(reason, allow_retries=False)


def _range(hours: Iterable[datetime]) -> str:
    first, last = key_of(min(hours)), key_of(max(hours))
    return first if first == last else f"{first}...{last}"
