"""`duo-pipeline feed`: the body that creates the feed in Google SecOps, and the command that sends it."""

import json
import os
from typing import Any

import boto3
import click
from botocore.exceptions import BotoCoreError

from duo_pipeline.cli.chosen_account import the_chosen
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
    """Print the body as JSON, and the command to standard error; or print only the command.

    Args:
        account: The name of the account whose feed it is; needed if there are several accounts.
        instance: The SecOps instance that will have the feed.
        display_name: The name of the feed in SecOps.
        role: The ARN and the subject id, if Google assumes a role.
        profile: The AWS profile whose access key Google gets; without it, the AWS SDK's credentials.
        show_secret: Whether to print the access key, and not a placeholder.
        command: Whether to print only the command.
    """
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
        click.echo(json.dumps(body, indent=2))
        click.echo(f"\nThe same with Google's command (pip install secops):\n{line}", err=True)


def _access_key(profile: str | None) -> dict[str, Any]:
    try:
        credentials = boto3.Session(profile_name=profile).get_credentials()
        key = credentials and credentials.get_frozen_credentials()
    except BotoCoreError as error:
        raise click.ClickException(f"There is no access key to show: {error}.") from None
    if not (key and key.access_key and key.secret_key):
        raise click.ClickException("There is no access key to show: set AWS_ACCESS_KEY_ID, or use --profile.")
    if key.token:
        raise click.ClickException(
            "The AWS credentials are temporary, and a feed cannot renew them: use --profile with the profile"
            " of a user, or use --role-arn."
        )
    return secops.access_key(key.access_key, key.secret_key)
