"""Dagster: whether its instance can be used, and whether its daemon and schedules run."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from duo_pipeline.config.account import Account
from duo_pipeline.config.secops import is_set
from duo_pipeline.defs.internals import InstigatorStatus, InstigatorType
from duo_pipeline.preflight.lines import Group

HOME, STORAGE, DAEMON, SCHEDULES, LIMIT = "DAGSTER_HOME", "storage", "daemon", "schedules", "pool limit"
NAMED = 4
SILENT_SECONDS = 120
"""The daemon writes a heartbeat every 30 seconds."""


def check(environ: Mapping[str, str], accounts: Sequence[Account]) -> Group:
    """Open the instance that ``DAGSTER_HOME`` names, and check it and the accounts' schedules and pools."""
    group = Group("Dagster", HOME, STORAGE, DAEMON, SCHEDULES, LIMIT)
    home = environ.get("DAGSTER_HOME", "")
    if wrong := wrong_with_home(home):
        group.fail(
            HOME,
            f"DAGSTER_HOME {wrong}: set it to the absolute path of a folder that has a copy of"
            " deploy/local/dagster.yaml.",
        )
        return group
    group.ok(HOME, f"It is {home}.")
    try:
        with dg.DagsterInstance.get() as instance:
            instance.get_runs_count()
            group.ok(STORAGE, "The storage can be read.")
            _look_at_daemon(group, instance)
            _look_at_schedules(group, instance, accounts, environ)
            _look_at_limit(group, instance, accounts)
    except Exception as error:  # from a database, a module or Dagster, whatever dagster.yaml names
        group.fail(
            STORAGE,
            f"Dagster's storage cannot be opened ({type(error).__name__}): check dagster.yaml in"
            " DAGSTER_HOME, and that the folder or the database that it names exists and is writable.",
        )
    return group


def wrong_with_home(home: str) -> str | None:
    """Return what is wrong with a ``DAGSTER_HOME``, to follow its name in a sentence; None if it is right."""
    if not home:
        return "is not set"
    if not Path(home).expanduser().is_absolute():
        return f"({home}) is not an absolute path"
    if not Path(home).expanduser().is_dir():
        return f"({home}) is not a folder"
    return None


def _look_at_daemon(group: Group, instance: dg.DagsterInstance) -> None:
    statuses = instance.get_daemon_statuses(instance.get_required_daemon_types()).values()
    beaten_since = datetime.now(UTC).timestamp() - SILENT_SECONDS
    silent = [
        one for one in statuses if one.last_heartbeat is None or one.last_heartbeat.timestamp < beaten_since
    ]
    if not silent:
        group.ok(DAEMON, "The daemon is running.")
        return
    beats = [one.last_heartbeat.timestamp for one in silent if one.last_heartbeat]
    last = (
        f" (its last heartbeat was at {datetime.fromtimestamp(max(beats), UTC):%Y-%m-%d %H:%M} UTC)"
        if beats
        else ""
    )
    parts = "" if len(silent) == len(statuses) else f" ({', '.join(one.daemon_type for one in silent)})"
    group.fail(
        DAEMON,
        f"Dagster's daemon{parts} is not running{last}: start it with `dagster dev -w workspace.yaml` or"
        " `dagster-daemon run`.",
    )


def _look_at_schedules(
    group: Group, instance: dg.DagsterInstance, accounts: Sequence[Account], environ: Mapping[str, str]
) -> None:
    """Report the schedules that somebody has switched off; a schedule without a stored state is on."""
    states = instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
    ours = [name for one in accounts for name in (one.hourly_schedule, one.reconcile_job)]
    if is_set(environ):
        ours += [account.receipts_job for account in accounts]
    stopped = {one.name for one in states if one.status == InstigatorStatus.STOPPED}.intersection(ours)
    if not stopped:
        group.ok(SCHEDULES, f"{_and(ours)} are on.")
        return
    group.fail(
        SCHEDULES,
        f"These schedules are off: {_and(sorted(stopped))}. Switch them on in Dagster's UI (Automation);"
        " otherwise no hours are requested automatically.",
    )


def _look_at_limit(group: Group, instance: dg.DagsterInstance, accounts: Sequence[Account]) -> None:
    default = instance.get_concurrency_config().pool_config.default_pool_limit
    limits = {
        one.name: one.limit for one in instance.event_log_storage.get_pool_limits() if not one.from_default
    }
    pools = [account.pool for account in accounts]
    wrong = [pool for pool in pools if limits.get(pool, default) != 1]
    if not wrong:
        group.ok(LIMIT, f"Each pool ({_and(pools)}) lets only one run at a time read Duo.")
        return
    limit = limits.get(wrong[0], default)
    group.fail(
        LIMIT,
        f"The limit of the pool {_and(wrong)} is {'not set' if limit is None else limit}, but it must be 1,"
        " because all runs share one quota at Duo: copy deploy/local/dagster.yaml to DAGSTER_HOME, or run"
        f" `dagster instance concurrency set {wrong[0]} 1`.",
    )


def _and(names: Sequence[str]) -> str:
    shown = [*names[:NAMED], f"{len(names) - NAMED} more"] if len(names) > NAMED else names
    return " and ".join(shown)
