"""Dagster: its instance, and that it is at work."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from duo_pipeline.config.account import Account
from duo_pipeline.defs.internals import InstigatorStatus, InstigatorType
from duo_pipeline.preflight.lines import Group

HOME, STORAGE, DAEMON, SCHEDULES, LIMIT = "DAGSTER_HOME", "storage", "daemon", "schedules", "pool limit"
NAMED = 4
SILENT_SECONDS = 120
"""The daemon's heart beats each half a minute."""


def check(environ: Mapping[str, str], accounts: Sequence[Account]) -> Group:
    """Open the instance that ``DAGSTER_HOME`` names, and look at it, and at what it has of the accounts."""
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
            _look_at_schedules(group, instance, accounts)
            _look_at_limit(group, instance, accounts)
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
    statuses = instance.get_daemon_statuses(instance.get_required_daemon_types()).values()
    beaten_since = datetime.now(UTC).timestamp() - SILENT_SECONDS
    silent = [
        one for one in statuses if one.last_heartbeat is None or one.last_heartbeat.timestamp < beaten_since
    ]
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


def _look_at_schedules(group: Group, instance: dg.DagsterInstance, accounts: Sequence[Account]) -> None:
    """Name those that somebody has switched off; one of which Dagster has stored nothing is on."""
    states = instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
    ours = [name for account in accounts for name in account.schedules]
    stopped = {one.name for one in states if one.status == InstigatorStatus.STOPPED}.intersection(ours)
    if not stopped:
        group.ok(SCHEDULES, f"{_and(ours)} are on.")
        return
    group.fail(
        SCHEDULES,
        f"Switched off: {_and(sorted(stopped))}; switch on in Dagster's UI (Automation), or nothing"
        " is fetched by itself.",
    )


def _look_at_limit(group: Group, instance: dg.DagsterInstance, accounts: Sequence[Account]) -> None:
    default = instance.get_concurrency_config().pool_config.default_pool_limit
    limits = {
        one.name: one.limit for one in instance.event_log_storage.get_pool_limits() if not one.from_default
    }
    pools = [account.pool for account in accounts]
    wrong = [pool for pool in pools if limits.get(pool, default) != 1]
    if not wrong:
        group.ok(LIMIT, f"One run at a time has the pool {_and(pools, 'or')}.")
        return
    limit = limits.get(wrong[0], default)
    group.fail(
        LIMIT,
        f"The pool {_and(wrong)} has {'no limit' if limit is None else f'the limit {limit}'}, and must have"
        " 1, since Duo's quota is one for all runs: take dagster.yaml from deploy/local, or run"
        f" `dagster instance concurrency set {wrong[0]} 1`.",
    )


def _and(names: Sequence[str], word: str = "and") -> str:
    shown = [*names[:NAMED], f"{len(names) - NAMED} more"] if len(names) > NAMED else names
    return f" {word} ".join(shown)
