"""`duo-pipeline prune`: keeps Dagster's database from growing for ever. Dagster itself deletes only ticks."""

import os
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta

import click
import dagster as dg

from duo_pipeline.cli.chosen_account import chosen_accounts
from duo_pipeline.defs import tags
from duo_pipeline.defs.internals import delete_evaluations
from duo_pipeline.preflight.instance import wrong_with_home


def run_prune(*, days: int, page_size: int = 100) -> None:
    """Delete old runs of the pipeline, with their events, from the instance that ``DAGSTER_HOME`` names.

    The hours of a deleted run count as never done, unless a remaining run has done them as well. What has
    landed stays where it is.

    Args:
        days: Runs older than this are deleted. It is more than Duo keeps, so that no hour that can still be
            read seems to be missing.
        page_size: How many runs to read, and how many runs' checks to delete, at a time.

    Raises:
        SettingsError: The file of accounts is wrong.
        click.ClickException: There is no instance.
    """
    names = {account.name for account in chosen_accounts(None)}
    if wrong := wrong_with_home(os.environ.get("DAGSTER_HOME", "")):
        raise click.ClickException(f"DAGSTER_HOME {wrong}: set it to the folder of the Dagster instance.")
    with dg.DagsterInstance.get() as instance:
        old = dg.RunsFilter(created_before=datetime.now(UTC) - timedelta(days=days))
        deleted = _delete(instance, names, old, page_size)
    click.echo(f"Deleted {deleted:,} runs older than {days} days.")


def _delete(
    instance: dg.DagsterInstance, names: Collection[str], filters: dg.RunsFilter, page_size: int
) -> int:
    found = _runs(instance, filters, page_size)
    old = [run.run_id for run in found if run.is_finished and _is_ours(run, names)]
    for begin in range(0, len(old), page_size):
        of_these = old[begin : begin + page_size]
        for run_id in of_these:
            instance.delete_run(run_id)
        delete_evaluations(instance, of_these)
    return len(old)


def _runs(instance: dg.DagsterInstance, filters: dg.RunsFilter, page_size: int) -> Iterator[dg.DagsterRun]:
    cursor: str | None = None
    while runs := instance.get_runs(filters, cursor, page_size):
        cursor = runs[-1].run_id
        yield from runs


def _is_ours(run: dg.DagsterRun, names: Collection[str]) -> bool:
    """Return whether the run is for these accounts: the instance may have runs of other pipelines."""
    of_assets = {key.path[0] for key in run.asset_selection or ()}
    return run.tags.get(tags.ACCOUNT) in names or (bool(of_assets) and of_assets <= {*names})
