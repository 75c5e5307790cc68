"""`duo-pipeline sandbox`: the emulated Duo and the S3 server, in the foreground."""

import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue

import click

from duo_pipeline.sandbox.sandbox import Sandbox


def run_sandbox(folder: Path, accounts: int) -> None:
    """Print the sandbox's settings for a shell, and run it in the foreground until Ctrl-C."""
    with until_stopped() as wait, make_sandbox(folder, accounts) as sandbox:
        for name, value in sandbox.environment.items():
            click.echo(f"export {name}={shlex.quote(value)}")
        click.echo(
            "# An emulated Duo Admin API, an S3 server and an emulated SecOps run here until Ctrl-C; data in"
            f" {folder}.\n"
            f"# To simulate failures and late records: curl {sandbox.duo_url}/sandbox/knobs (GET, PUT);"
            f" what goes wrong in SecOps: curl {sandbox.secops_url}/sandbox/knobs."
        )
        wait(None)


def make_sandbox(folder: Path, accounts: int) -> Sandbox:
    """Make a sandbox with this many accounts in a file, or for 0 with one account and no file."""
    return Sandbox(folder, account_names=[f"account_{number}" for number in range(1, accounts + 1)])


@contextmanager
def until_stopped() -> Iterator[Callable[[float | None], bool]]:
    """Let Ctrl-C (SIGINT) and SIGTERM end only a wait, so that what was started ends in order.

    Yields:
        A function that waits for a signal, at most so many seconds, and returns whether one came.
    """
    # Not an Event: a handler that sets one while it interrupts its `wait` can hang.
    signals: SimpleQueue[int] = SimpleQueue()

    def wait(seconds: float | None) -> bool:
        try:
            signals.get(timeout=seconds)
        except Empty:
            return False
        return True

    before = {
        number: signal.signal(number, lambda number, _: signals.put(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield wait
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
