"""`duo-pipeline ui`: the sandbox with Dagster's UI and daemon."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from rich.console import Console

from duo_pipeline.cli.local_instance import local_instance
from duo_pipeline.cli.sandbox import make_sandbox, until_stopped
from duo_pipeline.sandbox.sandbox import Sandbox

POLL_SECONDS = 0.5
STOP_SECONDS = 30


def run_ui(folder: Path, accounts: int, port: int) -> None:
    """Serve the UI on 127.0.0.1 until Ctrl-C, and then end everything that was started.

    Exits with 1 if Dagster ends without being told to.

    Args:
        folder: Where the sandbox keeps its data.
        accounts: How many accounts the file of accounts lists; 0: one account, without a file.
        port: The UI's port. If it is taken, a free one is used.
    """
    console = Console(highlight=False)
    port = _free_port(port)
    console.print("Starting an emulated Duo, a real S3 server (SeaweedFS), an emulated SecOps, and Dagster …")
    with until_stopped() as wait, make_sandbox(folder, accounts) as sandbox:
        home = local_instance(folder / "dagster")
        log = folder / "dagster.log"
        with log.open("wb") as out:
            dagster = subprocess.Popen(  # noqa: S603 - our own command
                [
                    *(sys.executable, "-m", "dagster", "dev", "-m", "duo_pipeline.definitions"),
                    *("-h", "127.0.0.1", "-p", str(port)),
                ],
                cwd=home,  # no .env is here that might lead to somebody's real Duo
                env={**_without_alerts(os.environ), **sandbox.environment, "DAGSTER_HOME": str(home)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for this process, which passes it on once
            )
        try:
            failed = not _wait(console, dagster, f"http://127.0.0.1:{port}", sandbox, wait)
        finally:
            _stop(dagster)
    if failed:
        console.print(f"[red]✗[/] Dagster has ended. The end of its log, {log}:", soft_wrap=True)
        console.print("\n".join(log.read_text(errors="replace").splitlines()[-10:]), markup=False)
        sys.exit(1)
    console.print("Everything has ended.")


def _without_alerts(environ: Mapping[str, str]) -> dict[str, str]:
    """Leave out the variables with which people would get alerts about the sandbox."""
    return {name: value for name, value in environ.items() if not name.startswith("ALERT_")}


def _wait(
    console: Console,
    dagster: subprocess.Popen[bytes],
    url: str,
    sandbox: Sandbox,
    wait: Callable[[float], bool],
) -> bool:
    """Wait until told to stop, and say when the UI answers. Return False if Dagster ended on its own."""
    announced = False
    while not wait(POLL_SECONDS):
        if dagster.poll() is not None:
            return False
        if not announced and _answers(url):
            console.print(f"Dagster's UI: {url} (Ctrl-C ends everything)", soft_wrap=True)
            console.print(
                f"To simulate failures and late records: curl {sandbox.duo_url}/sandbox/knobs (GET, PUT)",
                soft_wrap=True,
            )
            console.print(
                f"What goes wrong in SecOps: curl {sandbox.secops_url}/sandbox/knobs", soft_wrap=True
            )
            announced = True
    return True


def _answers(url: str) -> bool:
    try:
        with urlopen(f"{url}/server_info", timeout=2):  # noqa: S310 - our own, on loopback
            return True
    except (URLError, OSError):
        return False


def _stop(dagster: subprocess.Popen[bytes]) -> None:
    """End Dagster's processes in order, and then kill what is left of its session."""
    if dagster.poll() is None:
        dagster.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            dagster.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(dagster.pid, signal.SIGKILL)
    dagster.wait()


def _free_port(wanted: int) -> int:
    try:
        listener = socket.create_server(("127.0.0.1", wanted))
    except OSError:
        listener = socket.create_server(("127.0.0.1", 0))
    with listener:
        return int(listener.getsockname()[1])
