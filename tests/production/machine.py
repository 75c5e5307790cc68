"""The processes of deploy/compose/compose.yaml, and of deploy/celery's, without their containers."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE, CELERY = DEPLOY / "compose", DEPLOY / "celery"
SERVICES = ("code-server", "daemon", "webserver")


def services(of: Path = COMPOSE) -> dict[str, Any]:
    """Return the services of a compose.yaml."""
    found: dict[str, Any] = yaml.safe_load((of / "compose.yaml").read_text())["services"]
    return found


class Machine:
    """Code server, daemon and web server, each started again when it has ended, as Docker does it.

    Args:
        folder: Where their logs go.
        environment: What .env says.
        workers: How many workers of deploy/celery/ there are besides, each for one run at a time; if there
            are any, the settings of the instance are those of that folder.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], workers: int = 0) -> None:
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self._folder = folder
        self._ports = {"3000": free_port(), "4000": free_port()}
        path = f"{Path(sys.executable).parent}:{environment['PATH']}"
        self.environment = {**environment, "PATH": path, "DAGSTER_HOME": str(self.home)}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep)
        self.workers = [f"worker-{number}" for number in range(1, workers + 1)]
        settings = ((CELERY if workers else COMPOSE) / "dagster.yaml").read_text()
        runs = f"max_concurrent_runs: {workers}" if workers else r"\g<0>"
        (self.home / "dagster.yaml").write_text(re.sub(r"max_concurrent_runs: \d+", runs, settings))
        workspace = (COMPOSE / "workspace.yaml").read_text().replace("code-server", "127.0.0.1")
        (self.home / "workspace.yaml").write_text(workspace.replace("4000", self._ports["4000"]))

    @property
    def url(self) -> str:
        """Where the web server is."""
        return f"http://127.0.0.1:{self._ports['3000']}"

    def __enter__(self) -> Self:
        for name in (*SERVICES, *self.workers):
            self._start(name)
        self._keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._keeper.join()
        for name in self._running:
            self.kill(name)
            self._running[name].wait()

    def kill(self, name: str) -> None:
        """End a service and whatever it has started, as the end of its container does."""
        with suppress(ProcessLookupError):
            os.killpg(self._running[name].pid, signal.SIGKILL)

    def processes(self) -> list[psutil.Process]:
        """Return the processes of all services, and the processes that they have started."""
        found = []
        for process in self._running.values():
            with suppress(psutil.NoSuchProcess):
                of_service = psutil.Process(process.pid)
                found += [of_service, *of_service.children(recursive=True)]
        return found

    def log(self, name: str) -> str:
        """Return the service's log."""
        return (self._folder / f"{name}.log").read_text(errors="replace")

    def _start(self, name: str) -> None:
        words = {"0.0.0.0": "127.0.0.1", "--concurrency=4": "--concurrency=1", **self._ports}
        if name in self.workers:
            service = services(CELERY)["worker"]
            command = [*service["command"], f"--hostname={name}@%h"]
        else:
            service = services()[name]
            command = service["command"]
        given = {key: str(value) for key, value in service["environment"].items() if value is not None}
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [words.get(word, word) for word in command],
                cwd=self.home,
                env={**given, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _keep(self) -> None:
        while not self._ended.wait(1):
            for name, process in self._running.items():
                if process.poll() is not None:
                    self.kill(name)
                    self._start(name)


def free_port() -> str:
    """Return a port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])
