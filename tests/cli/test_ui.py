"""`duo-pipeline ui`, as a person runs it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from duo_pipeline.cli.ui import _without_alerts

PROGRAM = str(Path(sys.executable).parent / "duo-pipeline")
SELECTOR = '{repositoryName: "__repository__", repositoryLocationName: "duo_pipeline.definitions"}'


def ask(url: str, query: str, variables: dict[str, Any] | None = None) -> Any:
    body = json.dumps({"query": query, "variables": variables or {}}).encode()
    request = Request(f"{url}/graphql", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as response:
        return json.load(response)["data"]


def until(true: Callable[[], bool], seconds: float = 90) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of the processes that have the folder in their command or environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            if str(folder).encode() in words and process.name != str(os.getpid()):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def test_nobody_gets_alerts_about_the_sandbox() -> None:
    passed_on = _without_alerts({"ALERT_SNS_TOPIC_ARN": "arn:aws:sns:eu-central-1:1:duo", "HOME": "/home/a"})
    assert passed_on == {"HOME": "/home/a"}


def test_the_ui_serves_dagster_with_schedules_on_and_leaves_no_process_behind(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with out.open("wb") as output:
        process = subprocess.Popen(
            [PROGRAM, "ui", "--folder", str(tmp_path)], stdout=output, stderr=subprocess.STDOUT
        )
    try:
        assert until(lambda: "Dagster's UI: http" in out.read_text()), out.read_text()
        url = re.findall(r"http://127\.0\.0\.1:\d+", out.read_text())[0]
        schedules = ask(
            url,
            f"{{schedulesOrError(repositorySelector: {SELECTOR})"
            " {... on Schedules {results {name scheduleState {status}}}}}",
        )["schedulesOrError"]["results"]
        assert {one["name"]: one["scheduleState"]["status"] for one in schedules} == {
            "telephony_hourly": "RUNNING",
            "telephony_receipts": "RUNNING",
            "telephony_reconcile": "RUNNING",
            "telephony_usage": "RUNNING",
        }
        assert until(
            lambda: all(
                one["healthy"]
                for one in ask(url, "{instance {daemonHealth {allDaemonStatuses {daemonType healthy}}}}")[
                    "instance"
                ]["daemonHealth"]["allDaemonStatuses"]
                if one["daemonType"] in ("SCHEDULER", "BACKFILL")
            )
        )
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert until(lambda: not processes_of(tmp_path), 10), processes_of(tmp_path)
    finally:
        process.kill()
