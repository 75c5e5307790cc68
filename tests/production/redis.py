"""A private Redis: Debian's, in its own folder, on loopback."""

import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from redis import ConnectionError as NoConnection
from redis import Redis as Client

from tests.cli.test_ui import until
from tests.production.machine import CELERY, services

PASSWORD = "opens-nothing-but-a-queue-that-is-thrown-away"


class Redis:
    """A server that runs while the context lasts, with the options of deploy/celery/compose.yaml."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="duo-redis-"))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = int(listener.getsockname()[1])

    @property
    def environment(self) -> dict[str, str]:
        """The variables through which Celery finds it."""
        return {"CELERY_BROKER_URL": self._url, "CELERY_RESULT_BACKEND": self._url}

    @property
    def _url(self) -> str:
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        program = shutil.which("redis-server")
        assert program, "Redis is missing: apt-get install redis-server"
        command = services(CELERY)["redis"]["command"]
        options = command[1 : command.index("--requirepass")]
        self._process = subprocess.Popen(
            [program, *options, "--bind", "127.0.0.1", "--port", str(self.port), "--requirepass", PASSWORD],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        assert until(self._answers, 30)

    def kill(self) -> None:
        """End it as a power failure does."""
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            with Client.from_url(self._url) as client:
                return bool(client.ping())
        except NoConnection:
            return False
