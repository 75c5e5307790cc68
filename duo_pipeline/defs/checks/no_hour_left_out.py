"""`no_hour_left_out`: no hour that is too old for the hourly schedule is missing, in doubt or lost."""

from datetime import datetime

import dagster as dg

from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs.checks.evaluations import NO_HOUR_LEFT_OUT, AssetCheck, Verdict
from duo_pipeline.defs.partition_status import missing
from duo_pipeline.defs.partitions import DUO_HISTORY, HOUR, hours_between, last_settled, named, whole_hour


def verdict(
    instance: dg.DagsterInstance, asset: dg.AssetsDefinition, settings: HourSettings, now: datetime
) -> Verdict:
    """Judge the hours before the look-back, which no tick requests: each should be done, and not in doubt."""
    looked_back = last_settled(settings, now, settings.lookback_hours)
    oldest = whole_hour(now - DUO_HISTORY + 2 * HOUR)
    until = looked_back[0] if looked_back else settings.start
    before = hours_between(settings.start, until - HOUR)
    absent = missing(instance, asset, before)
    lost = [hour for hour in absent if hour < oldest]
    readable = absent[len(lost) :]
    sentences = []
    if readable:
        sentences.append(
            f"{len(readable):,} hours older than DUO_LOOKBACK_HOURS are missing or in doubt, and no schedule"
            f" requests them: {named(readable)}. Materialize them (each range is one query), or set"
            " DUO_PARTITIONS_START to a later hour if nobody needs them."
        )
    if lost:
        sentences.append(
            f"{len(lost):,} hours are lost, because Duo keeps only 180 days: {named(lost)}; to accept that,"
            " set DUO_PARTITIONS_START to a later hour."
        )
    fine = "No hour older than DUO_LOOKBACK_HOURS is missing or in doubt."
    return Verdict(not sentences, " ".join(sentences) or fine, absent)


CHECK = AssetCheck(
    NO_HOUR_LEFT_OUT,
    "No hour older than the look-back of the hourly schedule (DUO_LOOKBACK_HOURS) is missing or in doubt.",
    verdict,
)
