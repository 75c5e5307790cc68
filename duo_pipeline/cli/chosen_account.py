"""The option ``--account``, and the account that a command is for."""

import os
from collections.abc import Callable
from typing import Any

import click
from dotenv import load_dotenv

from duo_pipeline.config.account import Account
from duo_pipeline.config.accounts_file import FILE, accounts
from duo_pipeline.config.settings import SettingsError


class EnvFileError(SettingsError):
    """The file ``.env`` cannot be read."""


def account_option(without: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option; ``without`` says what the command does without it."""
    return click.option(
        "--account", metavar="NAME", help=f"An account in the file that {FILE} names; {without}"
    )


def chosen_accounts(name: str | None) -> list[Account]:
    """Return the account with that name, or all accounts if there is no name.

    The variables of ``.env`` in the current folder come into the environment first, and override what is
    there, as they do in Dagster.

    Raises:
        EnvFileError: ``.env`` cannot be read.
        SettingsError: The file of accounts is wrong, or has no account with that name.
    """
    try:
        load_dotenv(".env", override=True)
    except OSError as error:
        raise EnvFileError(f".env cannot be read ({error.strerror}): correct its rights.") from None
    except ValueError:  # a byte that is not UTF-8, or a NUL, which no variable can have
        raise EnvFileError(
            ".env is not a text in UTF-8 (it may be UTF-16 or Latin-1): save it as UTF-8, without a NUL."
        ) from None
    existing = accounts(os.environ)
    found = [account for account in existing if name in (None, account.name)]
    if not found:
        raise SettingsError(f"There is no account {name}. Choose from: {_names(existing)}.")
    return found


def chosen_account(name: str | None) -> Account:
    """Return the account with that name, or the only account.

    Raises:
        SettingsError: The file of accounts is wrong, or has no account with that name.
        click.ClickException: There are several accounts and no name.
    """
    found = chosen_accounts(name)
    if len(found) > 1:
        raise click.ClickException(f"Choose an account with --account, from: {_names(found)}.")
    return found[0]


def _names(found: list[Account]) -> str:
    return ", ".join(account.name for account in found)
