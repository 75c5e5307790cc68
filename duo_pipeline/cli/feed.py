"""`duo-pipeline feed`: the body that creates the feed in Google SecOps, and the command that sends it."""

import json
import os
from typing import Any

import boto3
import click
from botocore.exceptions import BotoCoreError

from duo_pipeline.cli.chosen_account import the_chosen
from duo_pipeline.cli.env_file import read_env_file
from duo_pipeline.config import settings
from duo_pipeline.config.settings import SettingsError
from duo_pipeline.secops import feed as secops
from duo_pipeline.secops.feed import FeedBodyError, Instance

KEY_PLACEHOLDER = secops.access_key("ACCESS_KEY_ID_OF_THE_READER", "SECRET_ACCESS_KEY_OF_THE_READER")


def run_feed(
    account: str | None,
    instance: Instance,
    *,
    display_name: str,
    role: tuple[str, str] | None,
    profile: str | None,
    show_secret: bool,
    command: bool,
) -> None:
    """Print the body as JSON, and to the standard error the command; or the command alone.

    Args:
        account: The name of the account whose feed it is, where there are several.
        instance: Where the feed will be.
        display_name: What it is called there.
        role: The ARN and the subject id, where Google assumes a role.
        profile: The AWS profile whose access key Google gets; without it, the credentials of the AWS SDK.
        show_secret: Whether the access key is printed; else there is a placeholder in its stead.
        command: Whether the command alone is printed.
    """
    read_env_file()
    of = the_chosen(account)
    try:
        if role:
            authentication = secops.role(*role)
        else:
            authentication = _access_key(profile) if show_secret else KEY_PLACEHOLDER
        feed = settings.feed(os.environ, of)
        body = secops.feed_body(
            f"s3://{feed.bucket}/{feed.prefix}",
            instance,
            display_name=display_name,
            authentication=authentication,
        )
    except (SettingsError, FeedBodyError) as error:
        raise click.ClickException(str(error)) from None
    line = secops.secops_command(body, instance)
    if command:
        click.echo(line)
    else:
        click.echo(json.dumps(body, indent=2, ensure_ascii=False))
        click.echo(f"\nThe same with Google's command (pip install secops):\n{line}", err=True)


def _access_key(profile: str | None) -> dict[str, Any]:
    try:
        credentials = boto3.Session(profile_name=profile).get_credentials()
        key = credentials and credentials.get_frozen_credentials()
    except BotoCoreError as error:
        raise click.ClickException(f"There is no access key to show: {error}.") from None
    if not (key and key.access_key and key.secret_key):
        raise click.ClickException(
            "There is no access key to show: set AWS_ACCESS_KEY_ID, or give --profile."
        )
    if key.token:
        raise click.ClickException(
            "The AWS credentials are temporary, and a feed cannot renew them: give the --profile of a user,"
            " or --role-arn."
        )
    return secops.access_key(key.access_key, key.secret_key)
