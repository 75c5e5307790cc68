"""The containers of deploy/compose/ and deploy/celery/, with the commands of docs/production.md."""

import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import time
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from tests.cli.test_ui import until
from tests.production.conftest import minute_of_tick

TOP = Path(__file__).parents[2]
PAGE = (TOP / "docs" / "production.md").read_text()
OF_DAGSTER = ("webserver", "daemon", "code-server")
USER, PASSWORD = "soc", "a-long-random-password-that-opens-nothing"
EVALUATED = "completed iteration with status"
LOCATION = {"repositoryName": "__repository__", "repositoryLocationName": "duo_pipeline.definitions"}
ASSETS = ("telephony_ndjson", "telephony_udm")
PATIENCE = 300.0


def blocks(section: str) -> list[str]:
    """Return the commands of a section of the page."""
    (text,) = re.findall(rf"^## {section}\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
    return re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def block(section: str, words: str) -> str:
    """Return the one block of a section that has these words."""
    (found,) = (one for one in blocks(section) if words in one)
    return found


def kill(*processes: int) -> None:
    """Kill containers as the kernel does: Docker did not ask for it, and starts them again."""
    for process in filter(None, processes):  # a container that is being started has the process 0
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


@dataclass
class Stack:
    """A checkout, and the containers that were made of it.

    Attributes:
        folder: The checkout; its files are only their owner's, as a strict umask makes them.
        address: The address of the machine with Docker.
        variables: What .env says beside the example.
    """

    folder: Path
    address: str
    variables: dict[str, str]
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        files = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=TOP,
            capture_output=True,
            check=True,
        ).stdout
        for name in files.decode().split("\0"):
            if (TOP / name).is_file():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(TOP / name, self.folder / name)
                (self.folder / name).chmod(0o600)

    @property
    def compose(self) -> Path:
        """The folder of the first compose.yaml."""
        return self.folder / "deploy" / "compose"

    def sh(self, commands: str, *, fails: bool = False) -> str:
        """Run commands in the folder of compose.yaml, and return what they print."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands.replace("cd deploy/compose\n", "")],
            cwd=self.compose,
            # a variable of the shell overrides that of .env
            env={name: value for name, value in os.environ.items() if name in ("HOME", "PATH")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )
        assert bool(done.returncode) == fails, f"{commands}\n{done.stdout[-6000:]}"
        return done.stdout

    def write_env(self, **variables: str) -> None:
        """Change variables of .env; the tests' override file is named in COMPOSE_FILE where there is one."""
        self.variables |= variables
        text = (self.compose / ".env").read_text()
        for name, value in self.variables.items():
            line = f"{name}={value}"
            text, count = re.subn(rf"^{name}=.*$", line.replace("\\", r"\\"), text, flags=re.MULTILINE)
            text += "" if count else f"{line}\n"
        (self.compose / ".env").write_text(text)

    def tick_soon(self) -> None:
        """Let the hourly tick come in two minutes or so, by a change of .env."""
        self.write_env(DUO_SETTLE_MINUTES=str(minute_of_tick(datetime.now(UTC) + timedelta(seconds=120))))
        self.sh("docker compose up --detach")

    def services(self) -> dict[str, dict[str, Any]]:
        """Return what Docker says of each container, by its service."""
        ids = self.sh("docker compose ps --all --quiet").split()
        found = json.loads(self.sh(f"docker inspect {' '.join(ids)}"))
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in found}

    def processes(self) -> dict[str, int]:
        """Return the process of each container, by its service."""
        return {name: one["State"]["Pid"] for name, one in self.services().items()}

    def log(self, name: str, since: datetime | None = None) -> str:
        """Return what a service has printed since then, also before it was started again."""
        option = f"--since {since.isoformat()}" if since else ""
        return self.sh(f"docker compose logs --no-log-prefix {option} {name}")

    # ---- through the proxy

    def trust(self) -> None:
        """Take the certificate of the authority that the proxy has made for itself."""
        path = "/data/caddy/pki/authorities/local/root.crt"
        root = self.sh(f"docker compose exec -T proxy cat {path}")
        self._tls = ssl.create_default_context(cadata=root)

    @property
    def tls(self) -> ssl.SSLContext:
        """What is needed to believe the proxy."""
        return self._tls

    def request(
        self, path: str, login: str = f"{USER}:{PASSWORD}", body: bytes | None = None
    ) -> tuple[int, bytes]:
        """Ask the proxy, and return the status and the answer."""
        request = Request(f"https://{self.address}{path}", body, {"Content-Type": "application/json"})
        if login:
            request.add_header("Authorization", f"Basic {b64encode(login.encode()).decode()}")
        try:
            with build_opener(ProxyHandler({}), HTTPSHandler(context=self.tls)).open(
                request, timeout=60
            ) as answer:
                return answer.status, answer.read()
        except HTTPError as error:
            return error.code, error.read()

    def ask(self, query: str, variables: dict[str, Any] | None = None) -> Any:
        """Ask Dagster's web server."""
        body = json.dumps({"query": query, "variables": variables or {}}).encode()
        status, answer = self.request("/graphql", body=body)
        assert status == 200, answer
        return json.loads(answer)["data"]

    def serves(self) -> bool:
        """Return whether the proxy, the web server, the storage and the code server answer."""
        query = (
            "query Ask($location: RepositorySelector!)"
            " {repositoryOrError(repositorySelector: $location) {__typename}}"
        )
        with suppress(OSError, AssertionError, TypeError):
            found = self.ask(query, {"location": LOCATION})
            return bool(found["repositoryOrError"]["__typename"] == "Repository")
        return False

    def backfill(self, keys: list[str]) -> str:
        """Request the hours of both assets, as the UI's dialog does, and return the id of the backfill."""
        params = {
            "assetSelection": [{"path": ["duo", name]} for name in ASSETS],
            "partitionNames": keys,
        }
        answer = self.ask(
            "mutation Ask($params: LaunchBackfillParams!) {launchPartitionBackfill(backfillParams: $params)"
            " {__typename ... on LaunchBackfillSuccess {backfillId}}}",
            {"params": params},
        )["launchPartitionBackfill"]
        return str(answer["backfillId"])

    def status(self, backfill: str) -> str:
        """Return the status of a backfill, or an empty text while nobody answers."""
        query = (
            f'{{partitionBackfillOrError(backfillId: "{backfill}") {{... on PartitionBackfill {{status}}}}}}'
        )
        with suppress(OSError, AssertionError, TypeError, KeyError):
            return str(self.ask(query)["partitionBackfillOrError"]["status"])
        return ""

    def preview_tick(self) -> None:
        """Evaluate the hourly schedule now, as *Preview tick result* does in the UI."""
        answer = self.ask(
            "mutation Ask($schedule: ScheduleSelector!, $now: Float!)"
            " {scheduleDryRun(selectorData: $schedule, timestamp: $now)"
            " {... on DryRunInstigationTick {evaluationResult {skipReason error {message}}}}}",
            {"schedule": LOCATION | {"scheduleName": "telephony_hourly"}, "now": time.time()},
        )["scheduleDryRun"]
        assert answer["evaluationResult"]["error"] is None, answer

    def runs(self) -> list[dict[str, str]]:
        """Return id and status of each run, the newest first."""
        found = self.ask("{runsOrError {... on Runs {results {runId status}}}}")["runsOrError"]["results"]
        return list(found)

    def comes_back(self, backfill: str) -> None:
        """Wait until everything answers and the daemon has looked after the backfill, which must be open."""
        now = datetime.now(UTC)
        assert until(self.serves, PATIENCE), self.sh("docker compose ps --all")
        until(lambda: EVALUATED in self.log("daemon", now) or self.status(backfill) == "FAILED", PATIENCE)
        assert EVALUATED in self.log("daemon", now), self.log("daemon")[-3000:]
        assert self.status(backfill) == "REQUESTED", self.log("daemon")[-3000:]
