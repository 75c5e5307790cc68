"""The outside world of the benchmarks: an emulated Duo in another process, and a real S3 server."""

import json
import multiprocessing
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.queues import Queue
from pathlib import Path
from threading import Event
from urllib.request import urlopen

from benchmarks.records import HOUR, Records
from duo_pipeline.cli.local_instance import local_instance
from duo_pipeline.defs.partitions import key_of
from duo_pipeline.sandbox.admin_api import AdminApi
from duo_pipeline.sandbox.s3 import REGION, S3Server
from duo_pipeline.sandbox.serving import serve

IKEY = "DIBENCHBENCHBENCH000"
SKEY = "bench-skey-that-opens-nothing-0000000000"
HISTORY_HOURS = 179 * 24
START_SECONDS = 60
LONGEST_SECONDS = 1800


@dataclass(frozen=True)
class World:
    """Where Duo and S3 are, and what the time is.

    Attributes:
        duo_url: The URL of the emulated Duo.
        s3: The S3 server.
        folder: The folder for Dagster's instances.
        end: The end of the newest settled hour when the benchmarks began.
    """

    duo_url: str
    s3: S3Server
    folder: Path
    end: datetime

    def requests(self) -> int:
        """Return how many requests Duo has had so far."""
        with urlopen(f"{self.duo_url}/sandbox/requests", timeout=START_SECONDS) as response:
            return int(json.load(response)["total"])

    def fresh(self) -> dict[str, str]:
        """Make a new bucket and a new Dagster instance, and return the settings for them."""
        name = f"bench-{uuid.uuid4()}"
        self.s3.create_bucket(name)
        return {
            "DUO_IKEY": IKEY,
            "DUO_SKEY": SKEY,
            "DUO_API_HOST": self.duo_url,
            "DUO_PARTITIONS_START": key_of(self.end - HOUR * HISTORY_HOURS),
            "S3_BUCKET": name,
            "AWS_ACCESS_KEY_ID": self.s3.access_key,
            "AWS_SECRET_ACCESS_KEY": self.s3.secret_key,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.s3.url,
            "DAGSTER_HOME": str(local_instance(self.folder / name)),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
            # a proxy from the environment cannot reach this loopback
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }


@dataclass(frozen=True)
class Worlds:
    """Makes worlds around one S3 server; each has its own Duo."""

    s3: S3Server
    folder: Path
    end: datetime

    @contextmanager
    def having(self, records: Records) -> Iterator[World]:
        """Run an emulated Duo with these records in another process: here it would slow us down."""
        context = multiprocessing.get_context("spawn")
        urls: Queue[str] = context.Queue()
        duo = context.Process(target=_serve_duo, args=(records, urls), daemon=True)
        duo.start()
        try:
            yield World(urls.get(timeout=START_SECONDS), self.s3, self.folder, self.end)
        finally:
            duo.terminate()
            duo.join()


@contextmanager
def worlds(folder: Path) -> Iterator[Worlds]:
    """Run the S3 server."""
    this_hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    server = S3Server(
        folder / "s3",
        access_key="BENCHACCESSKEY000000",
        secret_key="bench-secret-key-that-opens-nothing-0000",
    )
    with server:
        yield Worlds(server, folder, this_hour - HOUR)


def _serve_duo(records: Records, urls: "Queue[str]") -> None:
    with serve(AdminApi(IKEY, SKEY, log=records.log())) as url:
        urls.put(url)
        Event().wait(LONGEST_SECONDS)
