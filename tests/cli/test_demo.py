"""`duo-pipeline sandbox`, as a person runs it; tests/cli/test_wheel.py runs the demo."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

SIGNALS = """
import signal, sys
from duo_pipeline.cli.sandbox import until_stopped

moment, left = 0, 0
while left <= 0:
    moment += 1
    left = moment

    def at_that_moment(*_):
        global left
        left -= 1
        if left == 0:
            signal.raise_signal(signal.SIGINT)
        return at_that_moment

    with until_stopped() as wait:
        sys.settrace(at_that_moment)
        came = wait(0)
        sys.settrace(None)
        assert came or left > 0 or wait(0)
print(moment)
"""
"""Sends a signal in the first moment of a wait, in the second, and so on to its end."""
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


def test_a_signal_ends_a_wait_at_whatever_moment_it_comes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SIGNALS], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 3
