"""Dagster: its instance, and that it is at work."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorStatus
from dagster._daemon.controller import get_daemon_statuses

from duo_pipeline.assets.telephony_ndjson import POOL
from duo_pipeline.preflight.lines import Group

HOME, STORAGE, DAEMON, SCHEDULES, LIMIT = "DAGSTER_HOME", "storage", "daemon", "schedules", "pool limit"
SCHEDULE_NAMES = ("telephony_hourly", "telephony_reconcile")
SILENT_SECONDS = 120
"""The daemon's heart beats each half a minute."""


def check(environ: Mapping[str, str]) -> Group:
    """Open the instance that ``DAGSTER_HOME`` names, and look at it."""
    group = Group("Dagster", HOME, STORAGE, DAEMON, SCHEDULES, LIMIT)
    home = environ.get("DAGSTER_HOME", "")
    if (wrong := _wrong_with(home)) is not None:
        group.fail(HOME, f"DAGSTER_HOME {wrong}: set it to a folder, with deploy/local/dagster.yaml in it.")
        return group
    group.ok(HOME, f"It is {home}.")
    try:
        with dg.DagsterInstance.get() as instance:
            instance.get_runs_count()
            group.ok(STORAGE, "It can be read.")
            _look_at_daemon(group, instance)
            _look_at_schedules(group, instance)
            _look_at_limit(group, instance)
    except Exception as error:  # a database's, a module's or Dagster's own, by what dagster.yaml says
        group.fail(
            STORAGE,
            f"Dagster's storage cannot be opened ({type(error).__name__}): check dagster.yaml in"
            " DAGSTER_HOME, and that the folder or the database that it names is there and may be written.",
        )
    return group


def _wrong_with(home: str) -> str | None:
    if not home:
        return "is not set"
    if not Path(home).expanduser().is_absolute():
        return f"({home}) is no absolute path"
    if not Path(home).expanduser().is_dir():
        return f"({home}) is no folder"
    return None


def _look_at_daemon(group: Group, instance: dg.DagsterInstance) -> None:
    statuses = get_daemon_statuses(
        instance,
        instance.get_required_daemon_types(),
        ignore_errors=True,
        heartbeat_tolerance_seconds=SILENT_SECONDS,
    ).values()
    silent = [one for one in statuses if not one.healthy]
    if not silent:
        group.ok(DAEMON, "It is alive.")
        return
    beats = [one.last_heartbeat.timestamp for one in silent if one.last_heartbeat]
    last = f" since {datetime.fromtimestamp(max(beats), UTC):%Y-%m-%d %H:%M} UTC" if beats else ""
    parts = "" if len(silent) == len(statuses) else f" ({', '.join(one.daemon_type for one in silent)})"
    group.fail(
        DAEMON,
        f"Dagster's daemon{parts} has not been alive{last}: start it, with `dagster dev -w workspace.yaml` or"
        " `dagster-daemon run`.",
    )


def _look_at_schedules(group: Group, instance: dg.DagsterInstance) -> None:
    """Name those that somebody has switched off; one of which Dagster has stored nothing is on."""
    states = instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
    stopped = {one.name for one in states if one.status == InstigatorStatus.STOPPED} & set(SCHEDULE_NAMES)
    if not stopped:
        group.ok(SCHEDULES, f"{' and '.join(SCHEDULE_NAMES)} are on.")
        return
    group.fail(
        SCHEDULES,
        f"Switched off: {' and '.join(sorted(stopped))}; switch on in Dagster's UI (Automation), or nothing"
        " is fetched by itself.",
    )


def _look_at_limit(group: Group, instance: dg.DagsterInstance) -> None:
    limit = instance.get_concurrency_config().pool_config.default_pool_limit
    for pool in instance.event_log_storage.get_pool_limits():
        if pool.name == POOL and not pool.from_default:
            limit = pool.limit
    if limit == 1:
        group.ok(LIMIT, f"One run at a time has the pool {POOL}.")
        return
    group.fail(
        LIMIT,
        f"The pool {POOL} has {'no limit' if limit is None else f'the limit {limit}'}, and must have 1, since"
        " Duo's quota is one for all runs: take dagster.yaml from deploy/local, or run `dagster instance"
        f" concurrency set {POOL} 1`.",
    )
