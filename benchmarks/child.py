"""Commands, each in its own process, as Dagster's run launcher starts a run."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

LONGEST_SECONDS = 900
_FOREIGN = ("DUO_", "S3_", "AWS_", "DAGSTER_", "PYTHONDONTWRITEBYTECODE")
# A child's peak memory is at least that of the process that starts it, so that process is small.
_PEAK = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True);"
    " print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
)

PIPELINE = ("-m", "duo_pipeline.definitions", "--select", "duo/telephony_ndjson,duo/telephony_udm")
TRIVIAL = ("-m", "benchmarks.trivial_assets", "--select", "one,two")


def materialize(*options: str) -> tuple[str, ...]:
    """Return the command that materializes assets."""
    return ("-m", "dagster", "asset", "materialize", *options)


def seconds(command: tuple[str, ...], settings: Mapping[str, str]) -> float:
    """Run python with these arguments, and return how long it took."""
    began = time.perf_counter()
    _output(command, settings)
    return time.perf_counter() - began


def peak_mib(command: tuple[str, ...], settings: Mapping[str, str]) -> float:
    """Run python with these arguments, and return the largest resident set of it and its children."""
    return float(_output(("-c", _PEAK, sys.executable, *command), settings))


def figures(command: tuple[str, ...], settings: Mapping[str, str]) -> dict[str, Any]:
    """Run python with these arguments, and return the JSON that it writes."""
    found: dict[str, Any] = json.loads(_output(command, settings))
    return found


def _output(command: tuple[str, ...], settings: Mapping[str, str]) -> str:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    done = subprocess.run(
        (sys.executable, *command),
        env={**ours, **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-4000:]}")
    return done.stdout
