"""A machine on which the commands of the documents run, over an emulated Duo and a real S3 server."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest

from duo_pipeline.cli.local_instance import local_instance
from duo_pipeline.defs.partitions import span
from tests.defs.assets.dagster_run import DagsterRun
from tests.records import settled_hour

TOP = Path(__file__).parents[2]
PATIENCE = 120
_HOURS = re.compile(r"\d{4}-\d\d-\d\d-\d\d:00(\.\.\.\d{4}-\d\d-\d\d-\d\d:00)?")


@dataclass
class Document:
    """The commands of a document, by the headings under which they stand."""

    commands: dict[str, list[str]]

    @classmethod
    def read(cls, name: str) -> "Document":
        commands: dict[str, list[str]] = {}
        for section in re.split(r"^## ", (TOP / "docs" / name).read_text(), flags=re.MULTILINE):
            blocks = re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
            lines = "".join(blocks).replace("\\\n", " ").splitlines()
            if lines:
                commands[section.splitlines()[0]] = lines
        return cls(commands)


@dataclass
class Machine:
    """A folder in which the project is installed and set up.

    Attributes:
        folder: The folder of the project.
        instance: Its Dagster instance.
        dagster: Runs of it within this process.
    """

    folder: Path
    instance: dg.DagsterInstance
    dagster: DagsterRun

    def run(self, command: str, *hours: datetime, exit_code: int = 0) -> str:
        """Run a command for other hours than the document's, and return its output."""
        done = subprocess.run(
            ["bash", "-c", self.for_hours(command, *hours)],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == exit_code, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def running(self, command: str) -> Iterator[str]:
        """Run Dagster's UI on some free port while the context lasts, and return its URL."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command} -p {port}"],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            # a background job of a shell ignores Ctrl-C, and so would what it starts
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        try:
            yield f"http://127.0.0.1:{port}"
            process.send_signal(signal.SIGINT)
            process.wait(60)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    @staticmethod
    def for_hours(command: str, *hours: datetime) -> str:
        if not hours:
            return command
        asked, count = _HOURS.subn(span(hours), command)
        assert count == 1, command
        return asked


@pytest.fixture
def machine(settings: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Machine]:
    shutil.copy(TOP / "workspace.yaml", tmp_path)
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    settings.setenv("DAGSTER_HOME", str(local_instance(tmp_path / "home")))
    settings.setenv("DUO_PARTITIONS_START", f"{settled_hour(24 * 179):%Y-%m-%d-%H:00}")
    with dg.DagsterInstance.get() as instance:
        yield Machine(tmp_path, instance, DagsterRun(instance, start=settled_hour(24 * 179)))
