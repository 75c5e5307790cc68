"""The option ``--account``: which of the accounts a command is for."""

import os
from collections.abc import Callable
from typing import Any

import click

from duo_pipeline.config.account import Account
from duo_pipeline.config.accounts_file import FILE, accounts
from duo_pipeline.config.settings import SettingsError


def account_option(of_all: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give the option; ``of_all`` says what the command does without it."""
    return click.option("--account", metavar="NAME", help=f"An account of the file {FILE} names; {of_all}")


def chosen(name: str | None) -> list[Account]:
    """Give the account of that name, or all.

    Raises:
        SettingsError: The file of accounts is wrong, or has none of that name.
    """
    there = accounts(os.environ)
    found = [account for account in there if name in (None, account.name)]
    if not found:
        raise SettingsError(f"There is no account {name}: there {_are(there)}.")
    return found


def the_chosen(name: str | None) -> Account:
    """Give the account of that name, or the only one.

    Raises:
        click.ClickException: The file of accounts is wrong, has none of that name, or there are several.
    """
    try:
        found = chosen(name)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    if len(found) > 1:
        raise click.ClickException(f"Choose an account with --account: there {_are(found)}.")
    return found[0]


def _are(found: list[Account]) -> str:
    names = [account.name for account in found]
    return f"is {names[0]}" if len(names) == 1 else f"are {', '.join(names)}"
