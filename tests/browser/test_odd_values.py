"""What a person sees of hours in which Duo, or a foreign object, says something odd.

Nothing of it may be rendered, fetched or linked: much of it names a server on loopback, which nobody asks.
"""

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import dagster as dg
import pytest
from playwright.sync_api import Browser, Locator, Page, Response, expect

from duo_pipeline.cli.local_instance import local_instance
from duo_pipeline.defs.partitions import HOUR, key_of
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.landing.keys import hour_folder
from duo_pipeline.sandbox.log import FixedLog
from tests.adoption.lambda_files import leave
from tests.browser.conftest import ANSWER, PATIENCE, SCREENSHOTS
from tests.cli.test_ui import until
from tests.conftest import ServedDuo
from tests.defs.assets.dagster_run import DagsterRun, failure_of
from tests.records import sent, settled_hour

pytestmark = pytest.mark.browser

NDJSON, UDM = "telephony_ndjson", "telephony_udm"
ODD: dict[str, dict[str, Any]] = {
    "a newline and an image": {"context": "a\n| b |\n\n![x](http://LISTENER/pixel.png)"},
    "a backslash before a pipe": {"context": "a\\|b | c"},
    "half a surrogate pair": {"context": "\ud83d", "type": "\ude00", "\udc00": "\udfff"},
    "a bidirectional override and an escape sequence": {"context": "\u202emoc\u001b[31m"},
    "numbers with other separators": {"context": "call 0176/48675309 or 555\u20130142"},
    "seven digits and an extension": {"type": "sms to 5550143 ext. 12"},
    "a vanity number": {"note_from_duo": "1-800-FLOWERS", "1 800 GO FEDEX": 1},
    "links": {
        "context": "[x](http://LISTENER/link) <http://LISTENER/auto> http://LISTENER/bare",
        "type": "www.LISTENER/www me@LISTENER ftp://LISTENER/f",
        "http://LISTENER/key": "http://LISTENER/value",
    },
    "links without a digit": {  # a word with one is masked as a whole
        "context": "[x](http://named.example/a) ![x](http://named.example/b) <http://named.example/c>",
        "type": "http://named.example/d www.named.example me@named.example",
        "[x](http://named.example/e)": 1,
    },
    "HTML without a digit": {
        "context": "<img src=http://named.example/f><script>fetch('http://named.example/g')</script>",
        "type": "<b>bold</b> &lt;i&gt; **bold** ~~no~~ `code`",
    },
    "HTML": {
        "context": "<img src=http://LISTENER/img><script>fetch('http://LISTENER/js')</script>",
        "type": "<b>bold</b>&lt;&#33;",
        "<iframe src=//LISTENER>": "x",
    },
    "Markdown of other kinds": {
        "context": "# a\n---\n```\n> b\n- c\n\n[d]: http://LISTENER/ref\n\n![d]",
        "type": "**bold** _it_ ~~no~~ `code` $x$ \\(y\\)",
        "telephony_id": "![x](http://LISTENER/id)",
    },
    "other types than text": {
        "context": ["|", {"a\n": "http://LISTENER/"}],
        "type": {"x": [None]},
        "phone": [5550143],
    },
    "what is invisible": {"context": "a\u0000b\u200b\u2066c\u2028d\ufeff\u0085", "type": "\u0007\u009b2J"},
    "very long": {"context": "x" * 100_000, "type": "|" * 10_000, "telephony_id": "[" * 5_000},
}
RENDERED = "td b, td strong, td em, td del, td h1, td iframe, td script, td img"
CONTROLS = re.compile("[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]")
"""A zero-width space is not among them: the UI has its own."""
NUMBERS = ("48675309", "5550142", "5550143", "FLOWERS", "FEDEX")


@dataclass
class OddUi:
    """The UI, over hours with odd values, and what was asked of the server that the values name."""

    url: str
    run_id: str
    hours: dict[str, datetime]
    listener: str
    asked: list[str]


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """The address of a server, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.fixture
def odd(
    listener: tuple[str, list[str]],
    settings: pytest.MonkeyPatch,
    duo: ServedDuo,
    bucket: Bucket,
    tmp_path: Path,
) -> Iterator[OddUi]:
    address, asked = listener
    first = settled_hour(len(ODD) + 1)
    hours = {name: first + HOUR * number for number, name in enumerate(ODD)}
    records = []
    for name, hour in hours.items():
        fields = json.loads(json.dumps(ODD[name]).replace("LISTENER", address))
        records += [sent(hour, **fields), sent(hour + timedelta(minutes=1))]
        foreign = f"![x](http:--{address}) +13125550143.json"
        leave(bucket, f"{hour_folder(hour)}{foreign}", b"no json\n")
    duo.api.log = FixedLog(records)
    settings.setenv("DAGSTER_HOME", str(local_instance(tmp_path / "home")))
    settings.setenv("DUO_PARTITIONS_START", key_of(first))
    with dg.DagsterInstance.get() as instance:
        result = DagsterRun(instance, start=first).run(first, max(hours.values()))
        assert result.success, failure_of(result)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("dagster-webserver")
    process = subprocess.Popen(
        [program, "-m", "duo_pipeline.definitions", "-h", "127.0.0.1", "-p", str(port)],
        cwd=tmp_path,
        env=dict(os.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        assert until(lambda: _answers(url), 2 * PATIENCE)
        yield OddUi(url, result.run_id, hours, address, asked)
    finally:
        process.terminate()
        process.wait(60)


def _answers(url: str) -> bool:
    try:
        with urlopen(f"{url}/server_info", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def test_the_page_of_each_odd_hour_opens_and_nothing_of_it_is_rendered_fetched_or_linked(
    odd: OddUi, browser: Browser
) -> None:
    page = browser.new_page(base_url=odd.url, viewport={"width": 1500, "height": 1300})
    page.set_default_timeout(ANSWER * 1000)
    failed: list[str] = []

    def look(response: Response) -> None:
        if response.status >= 400 or (
            response.url.endswith("/graphql") and "errors" in (response.json() or {})
        ):
            failed.append(f"{response.status} {response.url}")

    requested: list[str] = []
    page.on("response", look)
    page.on("request", lambda request: requested.append(request.url))
    for name, hour in odd.hours.items():
        page.goto(f"/assets/duo/{NDJSON}?view=partitions&partition={quote(key_of(hour))}")
        preview = _table(page, "preview")
        expect(preview.get_by_role("row")).to_have_count(3)
        for number in (1, 2):
            expect(preview.get_by_role("row").nth(number).get_by_role("cell")).to_have_count(6)
        _expect_harmless(page, odd, name)
        page.goto(f"/assets/duo/{UDM}?view=partitions&partition={quote(key_of(hour))}")
        found = _table(page, "findings_table")
        expect(found.get_by_role("row").nth(1)).to_be_visible()
        for row in found.get_by_role("row").all()[1:]:
            expect(row.get_by_role("cell")).to_have_count(5)
        _expect_harmless(page, odd, f"{name}, events")
    for check in ("nothing_unknown", "facts_preserved"):
        page.goto(f"/assets/duo/{UDM}?view=checks&checkDetail={check}")
        expect(page.get_by_text("of 3 lines").first).to_be_visible()
        _expect_harmless(page, odd, f"check {check}")
    page.goto(f"/runs/{odd.run_id}")
    expect(page.get_by_text("Success", exact=True).first).to_be_visible()
    _expect_harmless(page, odd, "run")
    page.close()
    assert failed == []
    assert odd.asked == []
    assert [url for url in requested if not url.startswith((odd.url, "data:", "blob:"))] == []


def _table(page: Page, label: str) -> Locator:
    """Return a table of the hour's metadata; the UI shows a longer one in a dialog."""
    named = page.get_by_role("cell", name=label, exact=True)
    cell = page.get_by_role("row").filter(has=named).get_by_role("cell").nth(1)
    expect(cell).to_be_visible()
    if (more := cell.get_by_text("[Show Markdown]")).count():
        more.click()
        cell = page.get_by_role("dialog")
    return cell


def _expect_harmless(page: Page, odd: OddUi, name: str) -> None:
    """Look at the whole page: nothing in it may lead to the listener, or have a number or a control in it."""
    page.screenshot(path=SCREENSHOTS / f"odd-{re.sub('[^A-Za-z]+', '-', name)}.png")
    for host in (odd.listener, "named.example"):
        assert page.locator(f'[href*="{host}"], [src*="{host}"]').count() == 0, name
    assert page.locator(RENDERED).count() == 0, name
    text = page.locator("body").inner_text()
    assert not [number for number in NUMBERS if number in text], name
    assert not CONTROLS.search(text), name
