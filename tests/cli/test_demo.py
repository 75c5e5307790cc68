"""`duo-pipeline sandbox`, as a person runs it; tests/cli/test_wheel.py runs the demo."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = str(Path(sys.executable).parent / "duo-pipeline")


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
