"""deploy/celery/ with a real Docker Engine: a worker on the first machine and one on a second."""

import json
import shutil
from collections.abc import Iterator
from datetime import datetime

import pytest

from duo_pipeline.defs.partitions import key_of
from duo_pipeline.sandbox.knobs import Knobs
from tests.cli.test_ui import until
from tests.containers.outside import SLOW, Outside
from tests.containers.stack import OF_DAGSTER, PATIENCE, Stack, block, kill
from tests.containers.test_one_machine import ends, reads_on

pytestmark = pytest.mark.containers

SEVERAL = "On several machines"
SECOND = "second-machine"


@pytest.fixture(scope="module")
def workers(stack: Stack, world: Outside, private_address: str) -> Iterator[dict[str, Stack]]:
    """The stacks of both machines, by the name of their worker. The second is a project of its own."""
    with (stack.compose / ".env").open("a") as env:
        env.write((stack.compose.parent / "celery" / ".env.example").read_text())
    stack.write_env(
        COMPOSE_FILE="compose.yaml:../celery/compose.yaml:compose.override.yaml",
        PRIVATE_ADDRESS=private_address,
        REDIS_PASSWORD="opensNothing2opensNothing3",
    )
    override = json.loads(world.override(*OF_DAGSTER, "worker"))
    (stack.compose / "compose.override.yaml").write_text(json.dumps(override))
    second = Stack(stack.folder.with_name(SECOND), stack.address, {})
    shutil.copyfile(stack.compose / ".env", second.compose / ".env")
    override["services"]["worker"] |= {"hostname": SECOND, "uts": "its-own"}
    override["networks"] = {"default": {"name": "duo-pipeline_default", "external": True}}
    text = json.dumps(override).replace('"its-own"', "!reset null")
    (second.compose / "compose.override.yaml").write_text(text)
    second.write_env(COMPOSE_PROJECT_NAME=SECOND)
    try:
        stack.sh(block(SEVERAL, "docker compose up --build --detach\n"))
        second.sh(block(SEVERAL, "--no-deps worker").partition("docker compose logs")[0])
        assert until(lambda: len(at_work(stack)) == 2, PATIENCE), stack.log("worker")[-3000:]
        assert until(stack.serves, PATIENCE)
        first = next(name for name in at_work(stack) if name != f"celery@{SECOND}")
        yield {first: stack, f"celery@{SECOND}": second}
    finally:
        second.sh("docker compose down --volumes --timeout 5")


def at_work(stack: Stack) -> dict[str, list[object]]:
    """Return the tasks of each worker that answers."""
    try:
        said = stack.sh(
            "docker compose exec -T worker celery -A dagster_celery.app inspect active --json --timeout 5"
        )
    except AssertionError:
        return {}
    found: dict[str, list[object]] = json.loads(said[said.index("{") :].splitlines()[0])
    return found


def test_a_worker_has_a_name_and_knows_who_it_is(workers: dict[str, Stack]) -> None:
    for stack in workers.values():
        assert "User information" not in stack.log("worker"), "Celery finds its user"


@pytest.mark.usefixtures("workers")
def test_no_container_has_the_password_of_the_queue_but_those_that_use_it(stack: Stack) -> None:
    sees = {
        name
        for name, one in stack.services().items()
        if any(stack.variables["REDIS_PASSWORD"] in line for line in one["Config"]["Env"])
    }
    assert sees == {"redis", "worker", *OF_DAGSTER}
    assert "REDIS_PASSWORD=" in stack.services()["code-server"]["Config"]["Env"]


def test_whatever_is_killed_the_open_backfill_goes_on_and_nothing_is_lost_or_doubled(
    workers: dict[str, Stack], stack: Stack, world: Outside, last_hours: list[datetime]
) -> None:
    world.sandbox.api.knobs = SLOW
    backfill = stack.backfill([key_of(hour) for hour in last_hours])
    assert reads_on(world)
    (run,) = (one for one in stack.runs() if one["status"] == "STARTED")
    (busy,) = (name for name, tasks in at_work(stack).items() if tasks)
    workers[busy].sh("docker compose up --detach --no-deps --force-recreate worker")
    failed = {**run, "status": "FAILURE"}
    assert until(lambda: failed in stack.runs(), PATIENCE), "it is missed at once, not after twenty minutes"
    assert reads_on(world), "and is retried"

    kill(*stack.processes().values(), *workers[f"celery@{SECOND}"].processes().values())
    stack.comes_back(backfill)
    world.sandbox.api.knobs = Knobs()
    assert ends(stack, backfill) == "COMPLETED_SUCCESS"
    records, lost, doubled = world.lost_and_doubled(last_hours)
    print(f"\n{records} records: {lost} lost, {doubled} doubled")  # noqa: T201 - the figures are the result
    assert (lost, doubled) == (0, 0)
