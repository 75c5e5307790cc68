"""`no_hour_left_out`: no hour that is too old for the hourly schedule is missing, in doubt or lost."""

from collections.abc import Callable
from datetime import datetime

import dagster as dg

from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs.checks.evaluations import NO_HOUR_LEFT_OUT, Verdict, whole_asset_check
from duo_pipeline.defs.partition_status import incomplete, missing
from duo_pipeline.defs.partitions import DUO_HISTORY, HOUR, hours_between, last_settled, named


def check(
    asset: dg.AssetsDefinition, evaluate: Callable[[dg.DagsterInstance], Verdict]
) -> dg.AssetChecksDefinition:
    """Return the check that names hours that nobody requested."""
    return whole_asset_check(
        asset,
        NO_HOUR_LEFT_OUT,
        "No hour older than the look-back of the hourly schedule (DUO_LOOKBACK_HOURS) is missing"
        " or in doubt.",
        evaluate,
    )


def verdict(
    instance: dg.DagsterInstance, asset: dg.AssetsDefinition, settings: HourSettings, now: datetime
) -> Verdict:
    """Judge the hours before the look-back, which no tick requests: each should be done, and not in doubt."""
    looked_back = last_settled(settings, now, settings.lookback_hours)
    oldest = _whole_hour(now - DUO_HISTORY + 2 * HOUR)
    until = looked_back[0] if looked_back else settings.start
    before = hours_between(settings.start, until - HOUR)
    absent = missing(instance, asset, before, incomplete(instance, asset, before))
    lost = [hour for hour in absent if hour < oldest]
    readable = absent[len(lost) :]
    sentences = []
    if readable:
        sentences.append(
            f"{len(readable):,} hours before the look-back are missing or in doubt: {named(readable)};"
            " materialize them (a range is one query), or move DUO_PARTITIONS_START to a later hour if nobody"
            " wants them."
        )
    if lost:
        sentences.append(
            f"{len(lost):,} hours are lost, since Duo keeps 180 days: {named(lost)}; set DUO_PARTITIONS_START"
            " later to accept that."
        )
    fine = "No hour before the look-back is missing or in doubt."
    return Verdict(not sentences, " ".join(sentences) or fine, absent)


def _whole_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
