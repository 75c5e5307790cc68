"""The commands, with their options and help texts."""

from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from duo_pipeline import __version__
from duo_pipeline.cli.chosen_account import account_option
from duo_pipeline.cli.encodings import print_in_any_encoding
from duo_pipeline.secops.instance import DISPLAY_NAME

_FOLDER = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".sandbox"),
    show_default=True,
    help="The folder for the sandbox's data.",
)

_ACCOUNTS = click.option(
    "--accounts",
    type=click.IntRange(0, 100),
    default=0,
    show_default=True,
    help="How many Duo accounts to emulate, listed in a file of accounts. 0: one account, no file.",
)

_DAY = click.DateTime(["%Y-%m-%d"])


class _Commands(click.Group):
    def main(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as click has it
        print_in_any_encoding()  # before click prints a help text or an error
        return super().main(*arguments, **options)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click has it
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception as error:
            from duo_pipeline.cli.errors import SENTENCES  # only a failure pays for the import

            if isinstance(error, SENTENCES):
                raise click.ClickException(str(error)) from None
            raise


@click.group(cls=_Commands)
@click.version_option(__version__)
def main() -> None:
    """Deliver Cisco Duo's telephony log to Google SecOps: every record once, hour by hour."""


def _need_the_sandbox() -> None:
    """Fail with a sentence if what the sandbox needs is not installed; the image has no sandbox."""
    needed = "dagster_webserver", "duo_pipeline.sandbox", "starlette", "uvicorn"
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise click.ClickException(
            f"Packages are missing: {', '.join(missing)}. Install them: pip install 'duo-pipeline[sandbox]'"
        )


@main.command()
@_FOLDER
@click.option("--attack", metavar="KIND", help="Show how an attack of a kind is found: number_range, spike …")
def demo(folder: Path, attack: str | None) -> None:
    """Land 24 hours of an emulated Duo in a real S3 server.

    These are the last 24 settled hours. At the end it prints what has landed, and what it cost.

    With --attack, land the last 30 days, with an attack yesterday, and show the findings. The kinds are
    repeated_prompts, number_range, new_country, expensive_destination, spike and enrollment_burst.
    """
    _need_the_sandbox()
    if attack is None:
        from duo_pipeline.cli.demo import run_demo

        run_demo(folder.resolve())
        return
    from duo_pipeline.cli.demo_attack import run_attack
    from duo_pipeline.sandbox.attacks import KINDS

    kinds = [kind for kind in KINDS if kind == attack]
    if not kinds:
        raise click.UsageError(f"There is no attack {attack}. Choose from: {', '.join(KINDS)}.")
    run_attack(folder.resolve() / "attack", kinds[0])


@main.command()
@_FOLDER
@_ACCOUNTS
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="The UI's port.")
def ui(folder: Path, accounts: int, port: int) -> None:
    """Run the sandbox with Dagster's UI and daemon until Ctrl-C.

    All of it listens only on loopback.
    """
    _need_the_sandbox()
    from duo_pipeline.cli.ui import run_ui

    run_ui(folder.resolve(), accounts, port)


@main.command()
@_FOLDER
@_ACCOUNTS
def sandbox(folder: Path, accounts: int) -> None:
    """Run an emulated Duo and an S3 server until Ctrl-C.

    First prints the settings that point the pipeline to them.
    """
    _need_the_sandbox()
    from duo_pipeline.cli.sandbox import run_sandbox

    run_sandbox(folder.resolve(), accounts)


@main.command()
@click.argument("source", metavar="FILE")
@click.option("--findings", is_flag=True, help="Print what SecOps will not show, instead of the events.")
@click.option("--with-secops", is_flag=True, help="Compare with the parser of your SecOps, field by field.")
def udm(source: str, findings: bool, with_secops: bool) -> None:
    """Print the UDM events that Google's parser makes of FILE.

    FILE is an NDJSON file, - for standard input, or an s3:// URI. If the URI ends in a slash, it means all
    objects below it. A name that ends in .gz is unpacked, as SecOps does. Exits with 1 if SecOps will not
    show everything in a line, and with 2 if FILE cannot be read or there is no object.

    With --with-secops, the lines go to the instance that SECOPS_* names, and to nobody else. Its parser makes
    events of them, and the command prints the fields in which those differ. It exits with 1 if any differs.
    """
    if with_secops:
        from duo_pipeline.cli.compare import run_compare

        run_compare(source)
    from duo_pipeline.cli.udm import run_udm

    run_udm(source, show_findings=findings)


@main.command()
@account_option("without it, the command tries all accounts.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def check(account: str | None, as_json: bool) -> None:
    """Try everything that a run needs, and say what to fix.

    Reads .env as Dagster does, sends Duo one request for each account, and writes one small object below
    S3_WORK_PREFIX. Exits with 1 if anything is wrong.
    """
    from duo_pipeline.cli.check import run_check

    run_check(account, as_json=as_json)


@main.command()
@account_option("needed if there are several accounts.")
@click.option("--project", default="PROJECT", show_default=True, help="Google Cloud project of SecOps.")
@click.option(
    "--location", default="LOCATION", show_default=True, help="Region of SecOps: us, eu, europe-west2 …"
)
@click.option("--instance", default="INSTANCE", show_default=True, help="Instance (customer) id of SecOps.")
@click.option("--display-name", default=DISPLAY_NAME, show_default=True, help="Name of the feed.")
@click.option("--role-arn", help="ARN of the AWS role that Google assumes, instead of an access key.")
@click.option("--subject-id", help="Subject id that the role trusts; Google shows it for your instance.")
@click.option("--show-secret", is_flag=True, help="Print the access key, not a placeholder.")
@click.option("--profile", help="AWS profile with the access key of the user secops-reader.")
@click.option("--command", is_flag=True, help="Print only the command that creates the feed.")
@click.option("--create", "write", flag_value="create", help="Create the feed in the instance of SECOPS_*.")
@click.option("--update", "write", flag_value="update", help="Bring the feed that reads the prefix in line.")
@click.option("--yes", is_flag=True, help="Create or update without asking first.")
def feed(**options: Any) -> None:  # noqa: ANN401 - those of run_feed
    """Print the request that creates the feed in Google SecOps, or send it.

    Prints the body of the request, and the command that sends it. The bucket and the prefix come from the
    settings. The body is first checked with Google's own client. A value that you leave out appears as a
    placeholder in capitals. With --create or --update, asks you and then sends the request, with an access
    key or a role.
    """
    from duo_pipeline.cli.feed import run_feed

    run_feed(**options)


@main.command()
@account_option("needed if there are several.")
@click.option("--days", type=click.IntRange(1, 400), help="How many days, up to today (UTC); 7 by default.")
@click.option("--from", "first", type=_DAY, help="The first day, as in 2026-11-01; needs --to.")
@click.option("--to", "last", type=_DAY, help="The last day.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def usage(
    account: str | None, days: int | None, first: datetime | None, last: datetime | None, as_json: bool
) -> None:
    """Print what telephony cost on some days, and what looks like toll fraud or MFA abuse.

    Reads what the asset telephony_usage has written to S3. Phone numbers are masked.
    """
    from duo_pipeline.cli.usage import run_usage

    run_usage(account, days, first and first.date(), last and last.date(), as_json=as_json)


@main.command()
@click.option(
    "--days",
    type=click.IntRange(190),
    default=200,
    show_default=True,
    help="Delete runs that are older than this many days. Duo keeps its log for 180 days.",
)
def prune(days: int) -> None:
    """Delete old runs of the pipeline from Dagster's database.

    The bucket stays as it is.
    """
    from duo_pipeline.cli.prune import run_prune

    run_prune(days=days)


@main.command()
@account_option("needed if there are several accounts.")
def adopt(account: str | None) -> None:
    """Take a feed over from the Lambda of Google's guide.

    From then on, the records that the Lambda has written count as delivered.
    """
    from duo_pipeline.cli.adopt import run_adopt

    run_adopt(account)
