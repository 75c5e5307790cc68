"""`duo-pipeline sandbox`: the emulated Duo and the S3 server, in the foreground."""

import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from duo_pipeline.sandbox.sandbox import Sandbox


def run_sandbox(folder: Path, accounts: int) -> None:
    """Print the sandbox's settings for a shell, and run it in the foreground until Ctrl-C."""
    with until_stopped() as stopped, make_sandbox(folder, accounts) as sandbox:
        for name, value in sandbox.environment.items():
            click.echo(f"export {name}={shlex.quote(value)}")
        click.echo(
            "# An emulated Duo Admin API, an S3 server and an emulated SecOps run here until Ctrl-C; data in"
            f" {folder}.\n"
            f"# To simulate failures and late records: curl {sandbox.duo_url}/sandbox/knobs (GET, PUT);"
            f" what goes wrong in SecOps: curl {sandbox.secops_url}/sandbox/knobs."
        )
        stopped.wait()


def make_sandbox(folder: Path, accounts: int) -> Sandbox:
    """Make a sandbox with this many accounts in a file, or for 0 with one account and no file."""
    return Sandbox(folder, account_names=[f"account_{number}" for number in range(1, accounts + 1)])


@contextmanager
def until_stopped() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C (SIGINT) or SIGTERM sets, so that what was started ends in order."""
    stopped = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
