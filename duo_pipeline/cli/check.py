"""`duo-pipeline check`: tries everything that a run needs, before there is one."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from duo_pipeline.cli.chosen_account import EnvFileError, chosen_accounts
from duo_pipeline.config.accounts_file import FILE
from duo_pipeline.config.secops import is_set
from duo_pipeline.config.settings import SettingsError
from duo_pipeline.preflight import bucket, duo, instance, settings, temporary_files
from duo_pipeline.preflight.lines import Group, Status

MARKS = {
    Status.OK: Text("✓", "green"),
    Status.WARNING: Text("!", "yellow"),
    Status.FAILED: Text("✗", "red"),
    Status.NOT_TRIED: Text("-", "dim"),
}
PIPED_WIDTH = 1000
"""In a pipe or a file, each line of the table stays one line."""


def run_check(account: str | None, *, as_json: bool) -> None:
    """Try everything, and print the result.

    Exits with 1 if anything is wrong; a warning does not count.

    Args:
        account: The name of the account to try; None for all accounts.
        as_json: Whether to print JSON.
    """
    groups = _groups(account)
    wrong = sum(line.status == Status.FAILED for group in groups for line in group.lines)
    if as_json:
        click.echo(json.dumps(_json(groups, ok=not wrong), indent=2))
    else:
        _print(groups, wrong)
    sys.exit(1 if wrong else 0)


def _groups(name: str | None) -> list[Group]:
    try:
        accounts = chosen_accounts(name)
    except SettingsError as error:
        file = ".env" if isinstance(error, EnvFileError) else FILE
        group = Group("settings", file)
        group.fail(file, str(error))
        return [group]
    groups, at_duo = [], {}
    for account in accounts:
        found = settings.read(os.environ, account)
        at_duo[account.name] = duo.check(found.duo, found.hours)
        of_account = [found.group, at_duo[account.name][0], bucket.check(found.feed, found.duo)]
        if is_set(os.environ):
            from duo_pipeline.preflight import secops  # only who asks SecOps pays for the import

            of_account.append(secops.check(os.environ, found.feed))
        for group in of_account:
            group.account = account.name
        groups += of_account
    duo.compare_children(at_duo)
    return [*groups, temporary_files.check(os.environ), instance.check(os.environ, accounts)]


def _json(groups: Sequence[Group], *, ok: bool) -> dict[str, object]:
    return {
        "ok": ok,
        "lines": [
            {"account": group.account, "group": group.name, **asdict(line)}
            for group in groups
            for line in group.lines
        ],
    }


def _print(groups: Sequence[Group], wrong: int) -> None:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
    table = Table("", "", "", show_header=False)
    several = len({group.account for group in groups if group.account}) > 1
    for group in groups:
        name = f"{group.account}: {group.name}" if several and group.account else group.name
        table.add_row("", Text(name, "bold"), "")
        for line in group.lines:
            style = "dim" if line.status == Status.NOT_TRIED else ""
            table.add_row(MARKS[line.status], Text(f"  {line.name}", style), Text(line.sentence, style))
        table.add_section()
    console.print(table)
    if wrong:
        console.print(f"[red]✗[/] Failed: {wrong}. Fix the first one, and check again.")
    else:
        console.print("[green]✓[/] A run has everything that it needs.")
