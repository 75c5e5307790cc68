"""The checks that are red: which hours they find wrong, and why."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import dagster as dg

from duo_pipeline.defs import internals
from duo_pipeline.defs.checks.evaluations import HOURS, Verdict
from duo_pipeline.defs.internals import CheckStatus
from duo_pipeline.defs.partitions import hour_of, hours_between, key_of


def latest_verdict(instance: dg.DagsterInstance, key: dg.AssetCheckKey, since: float) -> Verdict | None:
    """Return the verdict of the latest evaluation of a check on its whole asset.

    Args:
        instance: The Dagster instance.
        key: A check whose evaluations name the hours that are wrong in their metadata (`HOURS`).
        since: Earlier evaluations do not count; in Unix seconds.
    """
    # a planned evaluation says nothing yet
    judged = {CheckStatus.SUCCEEDED, CheckStatus.FAILED}
    history = internals.evaluations(instance, key, judged, limit=1)
    for record in history:
        if record.event and record.evaluation and record.event.timestamp >= since:
            said = record.evaluation
            ranges: Any = said.metadata[HOURS].value if HOURS in said.metadata else []
            wrong = [h for first, last in ranges for h in hours_between(hour_of(first), hour_of(last))]
            return Verdict(said.passed, said.description or "", wrong)
    return None


def newly_red(
    instance: dg.DagsterInstance, key: dg.AssetCheckKey, since: float, known: Collection[datetime]
) -> dict[datetime, str]:
    """Return the hours whose latest evaluation is red, each with its sentence.

    Args:
        instance: The Dagster instance.
        key: A check that is evaluated by hour.
        since: Earlier evaluations do not count; in Unix seconds.
        known: Hours to leave out.
    """
    # read all of them: a run that began earlier may evaluate later
    history = internals.evaluations(instance, key, {CheckStatus.FAILED})
    found: dict[datetime, str] = {}
    for record in history:  # newest first
        if record.partition and record.event and record.evaluation and record.event.timestamp >= since:
            found.setdefault(hour_of(record.partition), record.evaluation.description or "")
    statuses = _latest(instance, key, found.keys() - known)
    return {hour: found[hour] for hour, status in statuses.items() if status is CheckStatus.FAILED}


def not_green(
    instance: dg.DagsterInstance, key: dg.AssetCheckKey, hours: Iterable[datetime]
) -> set[datetime]:
    """Return the hours whose latest evaluation is red, or planned: a rerun clears nothing before it ends."""
    statuses = _latest(instance, key, hours)
    return {hour for hour, status in statuses.items() if status is not CheckStatus.SUCCEEDED}


def _latest(
    instance: dg.DagsterInstance, key: dg.AssetCheckKey, hours: Iterable[datetime]
) -> dict[datetime, CheckStatus]:
    latest = internals.latest_evaluations(instance, key, {key_of(hour) for hour in hours})
    return {hour_of(partition): status for partition, status, _ in latest}
