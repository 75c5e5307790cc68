"""`duo-pipeline ui` as a whole, and a real browser in front of it."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from duo_pipeline.defs.partitions import HOUR, key_of
from duo_pipeline.instants import unix_ms
from duo_pipeline.sandbox.knobs import Fault, Knobs
from tests.cli.test_ui import PROGRAM, until

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
PATIENCE = 90.0
"""Seconds for what the daemon does; it looks for backfills every 30 seconds."""
ANSWER = 30.0
"""Seconds for what the page does."""


@dataclass(frozen=True)
class Ui:
    """The UI, and the emulated Duo behind it.

    Attributes:
        day: The beginning, in UTC, of the day that the tests take their hours from.
    """

    url: str
    duo_url: str
    day: datetime

    def records(self, hour: datetime) -> list[dict[str, Any]]:
        """Return Duo's records of the hour."""
        span = f"mintime={unix_ms(hour)}&maxtime={unix_ms(hour + HOUR)}"
        with urlopen(f"{self.duo_url}/sandbox/records?{span}") as response:
            return [json.loads(line) for line in response]

    @contextmanager
    def fault(self, fault: Fault) -> Iterator[None]:
        """Make something go wrong with Duo for a while."""
        with self.knobs(Knobs(faults=(fault,))):
            yield

    @contextmanager
    def knobs(self, knobs: Knobs) -> Iterator[None]:
        """Turn the knobs of Duo for a while."""
        self._put(knobs)
        try:
            yield
        finally:
            self._put(Knobs())

    def _put(self, knobs: Knobs) -> None:
        body = json.dumps(asdict(knobs)).encode()
        with urlopen(Request(f"{self.duo_url}/sandbox/knobs", body, method="PUT")):
            pass


@pytest.fixture(scope="session")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    """The UI over a new sandbox, whose schedules are on and have no tick while the tests run."""
    folder = tmp_path_factory.mktemp("ui")
    out = folder / "out"
    now = datetime.now(UTC)
    day = (now - timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)
    tick = (now + timedelta(minutes=30)).minute
    foreign = ("DUO_", "S3_", "AWS_", "DAGSTER_", "ALERT_")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(foreign)},
        "DUO_PARTITIONS_START": key_of(day),
        "DUO_SETTLE_MINUTES": str(tick if tick >= 2 else tick + 60),
        "DUO_LOOKBACK_HOURS": "1",
        "DUO_RECONCILE_HOURS": "1",
        "DUO_RETRY_ATTEMPTS": "2",
    }
    with out.open("wb") as output:
        process = subprocess.Popen(
            [PROGRAM, "ui", "--folder", str(folder)],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        assert until(lambda: "/sandbox/knobs" in out.read_text(), PATIENCE), out.read_text()
        url, duo_url, *_secops = re.findall(r"http://127\.0\.0\.1:\d+", out.read_text())
        yield Ui(url, duo_url, day)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    if not CHROMIUM.exists():
        pytest.fail(f"There is no Chromium at {CHROMIUM}: apt-get install chromium")
    expect.set_options(timeout=ANSWER * 1000)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, ui: Ui, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of a new visitor; what it shows at the end of the test, or when it fails, is kept."""
    page = browser.new_page(base_url=ui.url, viewport={"width": 1500, "height": 1300})
    page.set_default_timeout(ANSWER * 1000)
    yield page
    page.screenshot(path=SCREENSHOTS / f"{request.node.name}.png")
    page.close()
