"""A machine with Docker, and what is outside of it."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from duo_pipeline.defs.partitions import HOUR, hours_between, key_of
from tests.cli.test_ui import until
from tests.containers.outside import Outside, outside
from tests.containers.stack import OF_DAGSTER, PASSWORD, USER, Stack, block

HOURS = 48
LATER = 8
LOOKBACK = 4
ONE = "On one machine"


@pytest.fixture(scope="session")
def first_hour() -> datetime:
    """The first hour: all hours of the backfills are older than the look-back."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return now - (HOURS + 3 * LATER + LOOKBACK + 2) * HOUR


@pytest.fixture(scope="session")
def hours(first_hour: datetime) -> list[datetime]:
    """The hours of the first backfill."""
    return hours_between(first_hour, first_hour + (HOURS - 1) * HOUR)


@pytest.fixture(scope="session")
def later_hours(hours: list[datetime]) -> list[datetime]:
    """The hours of the backfill in which there is an upgrade."""
    return after(hours)


@pytest.fixture(scope="session")
def restored_hours(later_hours: list[datetime]) -> list[datetime]:
    """The hours of the backfill from which a backup is made."""
    return after(later_hours)


@pytest.fixture(scope="session")
def last_hours(restored_hours: list[datetime]) -> list[datetime]:
    """The hours of the backfill on Celery's workers."""
    return after(restored_hours)


def after(hours: list[datetime]) -> list[datetime]:
    """Return the hours that follow."""
    return hours_between(hours[-1] + HOUR, hours[-1] + LATER * HOUR)


@pytest.fixture(scope="session")
def private_address(world: Outside) -> str:
    """The address under which the containers of any machine reach the first machine."""
    return os.environ.get("CONTAINERS_ADDRESS", world.host)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """Duo and S3. CONTAINERS_HOST is this machine's address for containers, where Docker does not know it."""
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True).returncode:
        pytest.skip("there is no Docker Engine")
    bridge = "{{(index .IPAM.Config 0).Gateway}}"
    host = (
        os.environ.get("CONTAINERS_HOST")
        or subprocess.run(
            ["docker", "network", "inspect", "bridge", "--format", bridge],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    )
    with outside(tmp_path_factory.mktemp("outside"), host) as world:
        yield world


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, world: Outside, first_hour: datetime) -> Iterator[Stack]:
    """The containers of the last release: this one, with the oldest Dagster that is allowed.

    CONTAINERS_ADDRESS is the address of the machine with Docker, where it is not this one.
    """
    folder = tmp_path_factory.mktemp("checkout")
    address = os.environ.get("CONTAINERS_ADDRESS", "127.0.0.1")
    variables = {
        **world.settings,
        "DAGSTER_POSTGRES_PASSWORD": "opensNothing0opensNothing1",
        "UI_ADDRESS": address,
        "UI_USER": USER,
        "DAGSTER_UI_URL": f"https://{address}",
        "DUO_PARTITIONS_START": key_of(first_hour),
        "DUO_LOOKBACK_HOURS": str(LOOKBACK),
        "DUO_RECONCILE_WEEKLY_HOURS": "0",
    }
    stack = Stack(folder, address, variables)
    constraints = stack.folder / "constraints.txt"
    newest = constraints.read_text()
    constraints.write_text(re.sub(r"(?m)^(dagster.*==(1\.13|0\.29))\..*", r"\1.22", newest))
    try:
        hashed = stack.sh(_with_password(block(ONE, "install -m 600")))
        stack.write_env(UI_PASSWORD_HASH=f"'{hashed.split()[-1]}'")
        (stack.compose / "compose.override.yaml").write_text(world.override(*OF_DAGSTER))
        stack.sh(block(ONE, "docker compose exec code-server").split("docker compose ps")[0])
        assert until(lambda: _trusted(stack) and stack.serves(), 300), stack.sh("docker compose ps --all")
        constraints.write_text(newest)
        yield stack
    finally:
        if (stack.compose / ".env").exists() and not os.environ.get("CONTAINERS_KEEP"):
            stack.sh("docker compose --profile '*' down --volumes --timeout 5 --remove-orphans")


def _with_password(commands: str) -> str:
    """Answer the question for the password."""
    return re.sub(r"docker run --rm -it (.*)", rf"docker run --rm -i \1 <<< {PASSWORD}", commands)


def _trusted(stack: Stack) -> bool:
    try:
        stack.trust()
    except AssertionError:
        return False
    return True
