"""A private PostgreSQL: Debian's, in its own folder, on loopback."""

import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg2

PASSWORD = "opens-nothing-but-a-database-that-is-thrown-away"
START_SECONDS = 60


class Postgres:
    """A cluster that runs while the context lasts, with the user and the database of compose.yaml."""

    def __init__(self) -> None:
        self._bin = _programs()
        # PostgreSQL refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="duo-postgres-"))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = int(listener.getsockname()[1])

    @property
    def environment(self) -> dict[str, str]:
        """The variables through which Dagster finds it."""
        return {
            "DAGSTER_POSTGRES_HOST": "127.0.0.1",
            "DAGSTER_POSTGRES_PORT": str(self.port),
            "DAGSTER_POSTGRES_PASSWORD": PASSWORD,
        }

    def __enter__(self) -> Self:
        password = self._folder / "password"
        password.write_text(PASSWORD)
        if self._user:
            for path in (self._folder, password):
                shutil.chown(path, self._user)
        self._run(
            *("initdb", "--pgdata", str(self._folder / "data"), "--username", "dagster"),
            *("--auth", "scram-sha-256", "--pwfile", str(password)),
        )
        self.start()
        self._run(
            "createdb", "--host", "127.0.0.1", "--port", str(self.port), "--username", "dagster", "dagster"
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder)

    def size(self) -> int:
        """Return how many bytes the database has."""
        return self.ask("select pg_database_size('dagster')")

    def connections_made(self) -> int:
        """Return how many connections have been made so far, including the one that asks."""
        return self.ask("select sessions from pg_stat_database where datname = 'dagster'")

    def ask(self, query: str) -> int:
        """Return the number that answers the query."""
        with closing(self.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(query)
            (answer,) = cursor.fetchone() or (0,)
            return int(answer)

    def connect(self) -> psycopg2.extensions.connection:
        """Return a new connection."""
        return psycopg2.connect(
            host="127.0.0.1", port=self.port, user="dagster", password=PASSWORD, dbname="dagster"
        )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self._folder}"
        )
        self._control("start", "--options", options, "--log", str(self._folder / "log"), "--wait")

    def kill(self) -> None:
        """End it as a power failure does: it has to recover when it starts again."""
        self._control("stop", "--mode", "immediate")

    def _control(self, action: str, *options: str) -> None:
        self._run("pg_ctl", action, "--pgdata", str(self._folder / "data"), *options)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._bin / program, *arguments],
            user=self._user,
            cwd=self._folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PGPASSWORD": PASSWORD},
            stdout=subprocess.DEVNULL,
            timeout=START_SECONDS,
            check=True,
        )


def _programs() -> Path:
    """Return the folder of PostgreSQL's programs; Debian puts only a few of them on the path."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if folders:
        return folders[-1]
    found = shutil.which("initdb")
    assert found, "PostgreSQL is missing: apt-get install postgresql"
    return Path(found).parent
