"""`duo-pipeline demo` and `sandbox`, as a person runs them."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.text import Text

PROGRAM = str(Path(sys.executable).parent / "duo-pipeline")


def demo(folder: Path) -> str:
    done = subprocess.run(
        [PROGRAM, "demo", "--folder", str(folder)], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Text.from_ansi(done.stdout).plain


def hours(output: str) -> str:
    found = re.search(r"Running the job 'telephony' for (.*?) UTC", output)
    assert found is not None
    return found[1]


def log_objects(folder: Path) -> set[str]:
    return {path.name for path in (folder / "bucket" / "duo-telephony").rglob("*") if path.is_file()}


def test_the_demo_lands_what_duo_shows_and_a_second_run_lands_nothing_new(tmp_path: Path) -> None:
    first = demo(tmp_path)
    objects = log_objects(tmp_path)
    assert re.search(r"✓ Each of the [\d,]+ records that Duo shows is in the feed, once", first)
    assert re.search(r"hours\s+│ 24", first)
    assert re.search(r"requests to Duo\s+│ [12]\b", first)
    assert '"eventType": "USER_UNCATEGORIZED"' in first
    assert all(re.fullmatch(r"telephony-\d{8}T\d\dZ-[0-9a-f]{16}\.ndjson", name) for name in objects)
    second = demo(tmp_path)
    assert "✓ Each of the" in second
    if hours(first) == hours(second):  # not when the hour turned in between
        assert second.count("(0 new)") == 2
    assert objects <= log_objects(tmp_path)
    assert not re.search(r"\+\d{8,}", first + second), "a phone number was printed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_sandbox_prints_its_settings_and_ends_when_told(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [PROGRAM, "sandbox", "--folder", str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(5)]
            assert any(line.startswith("export DUO_API_HOST=http://127.0.0.1:") for line in lines)
            process.send_signal(number)
            assert process.wait(30) == 0
        finally:
            process.kill()
