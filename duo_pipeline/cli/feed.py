"""`duo-pipeline feed`: the body that creates the feed in Google SecOps, and the command that sends it."""

import json
import os
from typing import Any, Literal

import boto3
import click
from botocore.exceptions import BotoCoreError

from duo_pipeline.cli.chosen_account import chosen_account
from duo_pipeline.config import settings
from duo_pipeline.config.secops import secops as secops_settings
from duo_pipeline.secops import feed_body, feeds
from duo_pipeline.secops.api import SecOps
from duo_pipeline.secops.feeds import SecOpsFeed
from duo_pipeline.secops.instance import Instance

KEY_PLACEHOLDER = feed_body.access_key("ACCESS_KEY_ID_OF_THE_READER", "SECRET_ACCESS_KEY_OF_THE_READER")


def run_feed(
    *,
    account: str | None,
    project: str,
    location: str,
    instance: str,
    display_name: str,
    role_arn: str | None,
    subject_id: str | None,
    show_secret: bool,
    profile: str | None,
    command: bool,
    write: Literal["create", "update"] | None,
    yes: bool,
) -> None:
    """Print the body as JSON, and the command to standard error; or print only the command; or send it.

    Args:
        account: The name of the account whose feed it is; needed if there are several accounts.
        project: The Google Cloud project of the instance that will have the feed. If the feed is sent, it
            goes to the instance of ``SECOPS_*``.
        location: The region of that instance.
        instance: Its id.
        display_name: The name of the feed in SecOps.
        role_arn: The ARN of the role, if Google assumes one.
        subject_id: The subject id that the role trusts.
        show_secret: Whether to print the access key, and not a placeholder.
        profile: The AWS profile whose access key Google gets; without it, the AWS SDK's credentials.
        command: Whether to print only the command.
        write: Whether to create the feed, or to bring the one that reads the prefix in line.
        yes: Whether to do so without asking first.

    Raises:
        SettingsError: A setting is missing or wrong.
        FeedBodyError: Google would not accept the body.
        SecOpsError: SecOps refused a request, or could not be reached.
        click.UsageError: Options contradict each other.
        click.ClickException: There is no access key that a feed can use, or another number of feeds.
    """
    if bool(role_arn) != bool(subject_id):
        raise click.UsageError("--role-arn and --subject-id go together: give both, or neither.")
    if role_arn and (show_secret or profile):
        raise click.UsageError("--role-arn needs no access key: leave out --show-secret and --profile.")
    chosen = chosen_account(account)
    asked = secops_settings(os.environ).open() if write else None
    if role_arn and subject_id:
        authentication = feed_body.role(role_arn, subject_id)
    else:
        authentication = _access_key(profile) if show_secret or write else KEY_PLACEHOLDER
    feed_settings = settings.feed(os.environ, chosen)
    uri = f"s3://{feed_settings.bucket}/{feed_settings.prefix}"
    receiver = asked.instance if asked else Instance(project, location, instance)
    body = feed_body.feed_body(uri, receiver, display_name=display_name, authentication=authentication)
    if asked:
        send = _create if write == "create" else _update
        send(asked, body, feeds.readers(asked, uri), uri, yes=yes)
        return
    line = feed_body.secops_command(body, receiver)
    if command:
        click.echo(line)
    else:
        click.echo(json.dumps(body, indent=2))
        click.echo(f"\nThe same with Google's command (pip install secops):\n{line}", err=True)


def _create(asked: SecOps, body: dict[str, Any], readers: list[SecOpsFeed], uri: str, *, yes: bool) -> None:
    if readers:
        raise click.ClickException(
            f"{feeds.names(readers)} reads {uri} already, and a second feed would ingest every line twice:"
            " use --update to bring it in line, or delete it first."
        )
    name = body["displayName"]
    if not yes:
        click.confirm(f"Create the feed {name} in {asked.name}, which reads {uri}?", abort=True)
    click.echo(f"Created: {feeds.create(asked, body)}. It looks for objects about every 15 minutes.")


def _update(asked: SecOps, body: dict[str, Any], readers: list[SecOpsFeed], uri: str, *, yes: bool) -> None:
    if len(readers) != 1:
        named = f" ({feeds.names(readers)})" if readers else ""
        raise click.ClickException(
            f"{len(readers)} feeds read {uri}{named}, and --update needs exactly one: "
            + ("use --create." if not readers else "delete the others first.")
        )
    (feed,) = readers
    elsewhere = [f"reads {feed.uri} instead of {uri}"] if feed.uri.rstrip("/") != uri.rstrip("/") else []
    differences = [*feed.differences(), *elsewhere]
    if not differences:
        click.echo(f"The feed {feed.display_name} is as this project makes it: nothing to update.")
        return
    for difference in differences:
        click.echo(f"The feed {feed.display_name} {difference}.")
    if not yes:
        click.confirm(
            f"Replace the settings of the feed {feed.display_name}, with its authentication?", abort=True
        )
    feeds.update(asked, feed.name, body)
    click.echo(f"Updated: {feed.name}.")


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
    return feed_body.access_key(key.access_key, key.secret_key)
