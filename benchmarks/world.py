"""The outside world of a benchmark: an emulated Duo in a process of its own, and a real S3 server."""

import json
import multiprocessing
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.queues import Queue
from pathlib import Path
from threading import Event
from urllib.request import urlopen

from duo_pipeline.sandbox.admin_api import AdminApi
from duo_pipeline.sandbox.s3 import REGION, S3Server
from duo_pipeline.sandbox.serving import serve
from duo_pipeline.sandbox.telephony import FixedLog, Log, TelephonyGenerator

IKEY = "DIBENCHBENCHBENCH000"
SKEY = "bench-skey-that-opens-nothing-0000000000"
HOUR = timedelta(hours=1)
LONGEST_SECONDS = 3600
SHIPPED = Path(__file__).parents[1] / "deploy" / "local" / "dagster.yaml"


@dataclass(frozen=True)
class Records:
    """What the emulated Duo has: so many a day, or so many in one hour."""

    per_day: float = 0
    hour: datetime | None = None
    count: int = 0

    def log(self) -> Log:
        if self.hour is None:
            return TelephonyGenerator("bench", self.per_day)
        template = TelephonyGenerator("bench", 1000).hour(self.hour.replace(hour=10))[0]
        step = HOUR / (self.count + 1)
        return FixedLog(
            {
                **template,
                "ts": (self.hour + step * number).isoformat(timespec="microseconds"),
                "telephony_id": str(uuid.UUID(int=number)),
            }
            for number in range(1, self.count + 1)
        )


@dataclass(frozen=True)
class World:
    """Where Duo and S3 are, and a folder for Dagster."""

    duo_url: str
    s3: S3Server
    folder: Path

    def requests(self) -> int:
        """How many requests Duo has had so far."""
        with urlopen(f"{self.duo_url}/sandbox/requests") as response:
            return int(json.load(response)["total"])

    def fresh(self) -> dict[str, str]:
        """Make a new bucket and a new Dagster instance, and give the settings that lead there."""
        name = f"bench-{uuid.uuid4()}"
        self.s3.create_bucket(name)
        home = self.folder / name
        home.mkdir()
        shutil.copy(SHIPPED, home)
        return {
            "DUO_IKEY": IKEY,
            "DUO_SKEY": SKEY,
            "DUO_API_HOST": self.duo_url,
            "S3_BUCKET": name,
            "AWS_ACCESS_KEY_ID": self.s3.access_key,
            "AWS_SECRET_ACCESS_KEY": self.s3.secret_key,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.s3.url,
            "DAGSTER_HOME": str(home),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
        }


def settled_end() -> datetime:
    """Give the end of the newest hour that is surely settled."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - HOUR


@contextmanager
def world(records: Records, s3: S3Server, folder: Path) -> Iterator[World]:
    """Run an emulated Duo with these records, beside an S3 server that runs already."""
    context = multiprocessing.get_context("spawn")
    urls: Queue[str] = context.Queue()
    duo = context.Process(target=_serve_duo, args=(records, urls), daemon=True)
    duo.start()
    try:
        yield World(urls.get(timeout=60), s3, folder)
    finally:
        duo.terminate()
        duo.join()


def environment(settings: dict[str, str]) -> dict[str, str]:
    """Give this process's environment with those settings in place of its own."""
    foreign = ("DUO_", "S3_", "AWS_", "DAGSTER_")
    return {**{name: value for name, value in os.environ.items() if not name.startswith(foreign)}, **settings}


def _serve_duo(records: Records, urls: "Queue[str]") -> None:
    with serve(AdminApi(IKEY, SKEY, log=records.log())) as url:
        urls.put(url)
        Event().wait(LONGEST_SECONDS)
