"""deploy/compose/ with a real Docker Engine: up, killed, upgraded, backed up and restored.

The tests of this file follow each other, as the days of one machine do.
"""

import json
import stat
from datetime import datetime

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from duo_pipeline.defs.partitions import key_of
from duo_pipeline.sandbox.knobs import Knobs
from tests.cli.test_ui import until
from tests.containers.conftest import ONE
from tests.containers.outside import SLOW, Outside
from tests.containers.stack import OF_DAGSTER, PASSWORD, PATIENCE, USER, Stack, block, kill

pytestmark = pytest.mark.containers

UPGRADE = block(ONE, "docker compose build\n")
BACKUP = block(ONE, "pg_dump")
RESTORE = block(ONE, "pg_restore")


def reads_on(world: Outside, pages: int = 4) -> bool:
    """Wait until Duo has had requests for more pages."""
    asked = len(world.sandbox.api.requests)
    return until(lambda: len(world.sandbox.api.requests) >= asked + pages, PATIENCE)


def ends(stack: Stack, backfill: str) -> str:
    """Wait for the end of a backfill, and return its status."""
    until(lambda: stack.status(backfill) not in ("REQUESTED", ""), PATIENCE)
    return stack.status(backfill)


def ends_after_a_preview(stack: Stack, backfill: str) -> str:
    """Preview the hourly tick, which ends the dead run, and wait for the end of the backfill."""
    (dead,) = (run["runId"] for run in stack.runs() if run["status"] == "STARTED")

    def is_found() -> bool:
        stack.preview_tick()
        return {"runId": dead, "status": "FAILURE"} in stack.runs()

    assert until(is_found, PATIENCE)
    return ends(stack, backfill)


def test_all_services_are_healthy_and_what_a_run_needs_is_there(stack: Stack) -> None:
    def healthy() -> bool:
        states = [one["State"] for one in stack.services().values()]
        return all(one.get("Health", {}).get("Status", "healthy") == "healthy" for one in states)

    assert until(healthy, PATIENCE), stack.sh("docker compose ps --all")
    assert {*OF_DAGSTER, "postgres", "proxy"} < stack.services().keys()
    assert "✗" not in stack.sh("docker compose exec -T code-server duo-pipeline check")


def test_the_three_services_are_one_image(stack: Stack) -> None:
    assert len({stack.services()[name]["Image"] for name in OF_DAGSTER}) == 1
    assert "pulling" not in stack.sh("docker compose images").lower()


def test_the_image_has_no_build_tools_no_sandbox_and_a_list_of_its_parts(stack: Stack) -> None:
    inside = "docker compose exec -T webserver"
    stack.sh(f"{inside} sh -c 'command -v pip || command -v uv || command -v gcc'", fails=True)
    stack.sh(f"{inside} python -c 'import pip'", fails=True)
    assert "Packages are missing: duo_pipeline.sandbox" in stack.sh(
        f"{inside} duo-pipeline sandbox", fails=True
    )
    parts = json.loads(stack.sh(f"{inside} cat /opt/dagster/venv/sbom.cdx.json"))["components"]
    assert {"dagster", "duo-pipeline", "libc6"} <= {part["name"] for part in parts}
    assert all(part["purl"].startswith(("pkg:pypi/", "pkg:deb/debian/")) for part in parts)


def test_no_container_of_dagsters_can_write_its_files_or_gain_rights(stack: Stack) -> None:
    for name in OF_DAGSTER:
        host = stack.services()[name]["HostConfig"]
        assert (host["ReadonlyRootfs"], host["CapDrop"]) == (True, ["ALL"])
        inside = f"docker compose exec -T {name}"
        assert stack.sh(f"{inside} id --user --name").strip() == "dagster"
        stack.sh(f"{inside} touch /opt/dagster/home/x", fails=True)
        assert "CapEff:\t0000000000000000" in stack.sh(f"{inside} cat /proc/self/status")


def test_each_container_sees_its_own_secrets_and_no_others(stack: Stack) -> None:
    names = ("DUO_SKEY", "UI_PASSWORD_HASH", "AWS_SECRET_ACCESS_KEY", "DAGSTER_POSTGRES_PASSWORD")
    secrets = {name: stack.variables[name].strip("'") for name in names}
    sees = {
        service: {
            name for name, value in secrets.items() if any(value in line for line in one["Config"]["Env"])
        }
        for service, one in stack.services().items()
    }
    both = {"AWS_SECRET_ACCESS_KEY", "DAGSTER_POSTGRES_PASSWORD"}
    assert sees == {
        "proxy": {"UI_PASSWORD_HASH"},
        "webserver": both,
        "daemon": both,
        "code-server": both | {"DUO_SKEY"},
        "postgres": {"DAGSTER_POSTGRES_PASSWORD"},
        "outside": set(),
    }


def test_only_the_right_login_gets_in_also_at_the_web_socket(stack: Stack) -> None:
    for login in ("", f"{USER}:another", f"nobody:{PASSWORD}"):
        for path in ("/", "/graphql", "/server_info"):
            assert stack.request(path, login)[0] == 401
    assert stack.request("/server_info")[0] == 200
    assert dial(stack, f"{USER}:{PASSWORD}") == {"type": "connection_ack"}
    with pytest.raises(InvalidStatus, match="401"):
        dial(stack, "")


def dial(stack: Stack, login: str) -> object:
    """Open the web socket over which the UI hears of events, and return the first word."""
    from base64 import b64encode

    headers = {"Authorization": f"Basic {b64encode(login.encode()).decode()}"} if login else {}
    with connect(
        f"wss://{stack.address}/graphql",
        ssl=stack.tls,
        additional_headers=headers,
        subprotocols=["graphql-ws"],  # type: ignore[list-item]
        proxy=None,
    ) as socket:
        socket.send(json.dumps({"type": "connection_init"}))
        return json.loads(socket.recv(30))


def test_a_path_of_accounts_that_is_mistyped_is_an_error_and_no_new_folder(stack: Stack) -> None:
    typo = stack.folder / "acounts.yaml"
    said = stack.sh(f"DUO_ACCOUNTS_FILE={typo} docker compose up --detach --no-deps code-server", fails=True)
    assert str(typo) in said
    assert not typo.exists()
    stack.sh("docker compose up --detach --no-deps code-server")
    assert until(stack.serves, PATIENCE)


def test_whatever_is_killed_the_open_backfill_goes_on_and_nothing_is_lost_or_doubled(
    stack: Stack, world: Outside, hours: list[datetime]
) -> None:
    backfill = stack.backfill([key_of(hour) for hour in hours])
    assert reads_on(world)
    for name in ("proxy", "webserver", "postgres", "daemon"):
        kill(stack.processes()[name])
        assert until(stack.serves, PATIENCE), name
        assert reads_on(world), f"the run has outlived {name}"
    stack.comes_back(backfill)

    kill(*stack.processes().values())
    stack.comes_back(backfill)
    assert [run["status"] for run in stack.runs()].count("STARTED") == 1, "nobody has told Dagster yet"

    world.sandbox.api.knobs = Knobs()
    stack.tick_soon()
    assert ends(stack, backfill) == "COMPLETED_SUCCESS"
    records, lost, doubled = world.lost_and_doubled(hours)
    print(f"\n{records} records: {lost} lost, {doubled} doubled")  # noqa: T201 - the figures are the result
    assert (lost, doubled) == (0, 0)
    assert records > 10_000


def test_the_ui_shows_the_output_of_a_run(stack: Stack) -> None:
    run = next(one["runId"] for one in stack.runs() if one["status"] == "SUCCESS")
    events = stack.ask(
        "query Ask($id: ID!) {logsForRun(runId: $id) {... on EventConnection"
        " {events {... on LogsCapturedEvent {fileKey}}}}}",
        {"id": run},
    )["logsForRun"]["events"]
    keys = [[run, "compute_logs", event["fileKey"]] for event in events if "fileKey" in event]
    query = "query Ask($key: [String!]!) {capturedLogs(logKey: $key) {stderr}}"
    assert any(stack.ask(query, {"key": key})["capturedLogs"]["stderr"] for key in keys)


def test_an_upgrade_leaves_the_backfill_open_and_it_ends(
    stack: Stack, world: Outside, later_hours: list[datetime]
) -> None:
    world.sandbox.api.knobs = SLOW
    before = stack.sh("docker compose exec -T webserver dagster --version")
    backfill = stack.backfill([key_of(hour) for hour in later_hours])
    assert reads_on(world)

    stack.sh(UPGRADE)
    stack.comes_back(backfill)
    assert stack.sh("docker compose exec -T webserver dagster --version") != before
    world.sandbox.api.knobs = Knobs()
    assert ends_after_a_preview(stack, backfill) == "COMPLETED_SUCCESS"
    assert world.lost_and_doubled(later_hours)[1:] == (0, 0)


def test_a_backup_is_restored_into_a_new_volume_and_what_has_landed_since_is_not_written_again(
    stack: Stack, world: Outside, restored_hours: list[datetime]
) -> None:
    world.sandbox.api.knobs = SLOW
    backfill = stack.backfill([key_of(hour) for hour in restored_hours])
    assert reads_on(world)
    stack.sh(BACKUP)
    dump = stack.compose / "dagster.dump"
    assert stat.S_IMODE(dump.stat().st_mode) == 0o600
    world.sandbox.api.knobs = Knobs()
    assert ends(stack, backfill) == "COMPLETED_SUCCESS"

    stack.sh(RESTORE)
    assert until(stack.serves, PATIENCE)
    assert stack.status(backfill) == "REQUESTED", "as at the time of the backup"
    assert ends_after_a_preview(stack, backfill) == "COMPLETED_SUCCESS"
    assert world.lost_and_doubled(restored_hours)[1:] == (0, 0)
