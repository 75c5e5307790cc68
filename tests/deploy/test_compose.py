"""deploy/compose/ and the image: what can be said of them without containers."""

import json
import re
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import sqlalchemy
import yaml
from dagster._core.instance.config import dagster_instance_config
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
from dagster._core.storage.compute_log_manager import ComputeIOType
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dotenv import dotenv_values

from duo_pipeline.config import settings
from duo_pipeline.instance.postgres import PostgresStorage
from tests.cli.test_ui import until
from tests.docs.test_setup import assert_aws_knows

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE = DEPLOY / "compose"
PROGRAMS = Path(sys.executable).parent
DAGSTER = {"code-server", "daemon", "webserver"}


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yaml").read_text())
    return found


SERVICES: dict[str, Any] = compose()["services"]


def run(program: str, *arguments: str | Path) -> str:
    done = subprocess.run(
        [PROGRAMS / program, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_compose_file_is_one_by_the_specifications_schema() -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE / "compose.yaml")


def test_the_linter_has_nothing_to_say_of_the_container_file() -> None:
    assert run("hadolint", "--strict-labels", DEPLOY / "Containerfile") == ""


def test_only_the_proxy_publishes_ports() -> None:
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"proxy"}
    assert not any("network_mode" in service or "expose" in service for service in SERVICES.values())


def test_only_dagster_reaches_the_database_which_reaches_nothing() -> None:
    assert SERVICES["postgres"]["networks"] == ["storage"]
    assert compose()["networks"]["storage"] == {"internal": True}
    assert {name for name, one in SERVICES.items() if "storage" in one.get("networks", [])} == {
        *DAGSTER,
        "postgres",
    }


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_each_service_starts_again_and_says_whether_it_is_well(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", sorted(DAGSTER | {"proxy"}))
def test_what_the_network_reaches_can_neither_write_its_files_nor_gain_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    own = ("certificates:", "temporary:")
    mounts = [one for one in service.get("volumes", []) if not str(one).startswith(own)]
    assert all(one["read_only"] if isinstance(one, dict) else one.endswith(":ro") for one in mounts)


def test_no_image_is_of_an_unnamed_version_and_the_pipelines_does_not_run_as_root() -> None:
    lines = (DEPLOY / "Containerfile").read_text().splitlines()
    stages = {line.split()[3] for line in lines if line.startswith("FROM ") and " AS " in line}
    images = [line.split()[1] for line in lines if line.startswith("FROM ")]
    images = [image for image in images if image not in stages]
    images += [SERVICES[name]["image"] for name in SERVICES.keys() - DAGSTER]
    assert all(re.search(r":\d+\.\d+", image) for image in images), images
    assert re.fullmatch(r"USER [1-9]\d*:[1-9]\d*", lines[-1])


def test_the_image_holds_what_is_installed_the_settings_and_nothing_else_of_the_folder() -> None:
    first, *others = (DEPLOY / "Containerfile.dockerignore").read_text().splitlines()[1:]
    assert first == "*"
    taken = {line[1:] for line in others if line.startswith("!")}
    text = (DEPLOY / "Containerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(?:--chmod=644 )?(.*) \S+$", text, re.MULTILINE)
    named = {name for line in copied for name in line.split()}
    assert taken == {name.replace("${SETTINGS}", one) for name in named for one in ("compose", "celery")}
    assert all((DEPLOY.parent / name).exists() for name in taken)
    assert "duo_pipeline/sandbox" in others, "what is for trying is not in it"


def test_the_packages_are_a_layer_that_a_change_of_the_source_leaves_as_it_is() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    before, after = text.split("COPY duo_pipeline")
    assert "-c constraints.txt -r pyproject.toml" in before
    assert "--no-deps" in after
    assert "COPY --from=dependencies /opt/dagster/venv" in after


def test_one_service_builds_the_image_of_all() -> None:
    assert [name for name, service in SERVICES.items() if "build" in service] == ["webserver"]
    assert {name for name, service in SERVICES.items() if service["image"] == "duo-pipeline"} == DAGSTER


def test_the_logs_of_each_container_have_a_limit() -> None:
    for service in SERVICES.values():
        assert service["logging"] == {"driver": "local", "options": {"max-size": "20m", "max-file": "5"}}


def test_an_open_backfill_waits_while_the_code_server_cannot_be_reached() -> None:
    assert SERVICES["daemon"]["environment"]["DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"]


def test_logins_with_a_wrong_password_leave_the_pipeline_its_cores() -> None:
    assert SERVICES["proxy"]["cpus"] <= 0.5


def test_postgres_counts_as_healthy_only_when_others_reach_it() -> None:
    assert SERVICES["postgres"]["healthcheck"]["test"][:3] == ["CMD", "pg_isready", "--host"]


def test_each_service_that_keeps_the_output_of_runs_reaches_the_bucket_as_the_code_server_does() -> None:
    for name in DAGSTER:
        given = SERVICES[name]["environment"]
        assert {"AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "REQUESTS_CA_BUNDLE", "HTTPS_PROXY"} <= given.keys()
        assert given["NO_PROXY"].startswith("127.0.0.1,169.254.169.254,"), "no proxy leads there"


def test_no_secret_stands_in_a_file() -> None:
    secret = re.compile(r"(KEY|PASSWORD|HASH)$")
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert not secret.search(name) or str(value).startswith("${") or value == "", name
    example = dotenv_values(COMPOSE / ".env.example")
    assert [name for name, value in example.items() if secret.search(name) and value] == []


def test_only_the_code_server_gets_duos_keys() -> None:
    assert {name for name, service in SERVICES.items() if "env_file" in service} == {"code-server"}
    assert not any(
        name.startswith("DUO_") for one in SERVICES.values() for name in one.get("environment", {})
    )


def test_the_code_server_gets_no_secret_of_another_service() -> None:
    for name in ("UI_PASSWORD_HASH", "REDIS_PASSWORD"):
        assert SERVICES["code-server"]["environment"][name] == ""


def test_the_temporary_files_of_a_busy_hour_are_on_the_disk() -> None:
    code_server = SERVICES["code-server"]
    folder = code_server["environment"]["TMPDIR"]
    assert f"temporary:{folder}" in code_server["volumes"]
    assert folder not in code_server["tmpfs"]


def test_the_file_of_accounts_is_where_the_variable_says_and_only_the_code_server_has_it() -> None:
    assert [name for name in DAGSTER if "volumes" in SERVICES[name]] == ["code-server"]
    (mount,) = (one for one in SERVICES["code-server"]["volumes"] if isinstance(one, dict))
    named = [re.sub(r"\$\{DUO_ACCOUNTS_FILE:-[^}]+\}", "/a.yaml", mount[end]) for end in ("source", "target")]
    assert named == ["/a.yaml", "/a.yaml"]
    assert not mount["bind"]["create_host_path"], "a mistyped path is an error, not a new folder"


def test_the_example_names_each_variable_that_the_files_and_the_pipeline_need() -> None:
    example = dotenv_values(COMPOSE / ".env.example")
    named = set(re.findall(r"\$\{(\w+)", (COMPOSE / "compose.yaml").read_text()))
    assert named - {"NO_PROXY"} <= example.keys()
    with pytest.raises(settings.SettingsError) as error:
        settings.parse(settings.DuoSettings, {})
    assert set(re.findall(r"[A-Z_]{6,}", str(error.value))) <= example.keys()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What compose.yaml gives to each of Dagster's processes."""
    for name, value in SERVICES["daemon"]["environment"].items():
        if value is None or name == "NO_PROXY":
            continue
        monkeypatch.setenv(name, "x" if str(value).startswith("$") else str(value))
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_dagster_takes_its_settings_and_they_are_those_of_one_machine() -> None:
    config, _ = dagster_instance_config(str(COMPOSE))
    shipped, _ = dagster_instance_config(str(DEPLOY / "local"))
    assert config["concurrency"]["pools"] == shipped["concurrency"]["pools"]
    assert config["run_retries"] == shipped["run_retries"]
    assert config["run_monitoring"]["enabled"]
    assert config["telemetry"] == {"enabled": False}
    assert config["storage"]["custom"]["class"] == PostgresStorage.__name__


@pytest.mark.usefixtures("environment")
def test_the_storage_is_reached_by_the_driver_that_is_installed() -> None:
    config, _ = dagster_instance_config(str(COMPOSE))
    scheme = config["storage"]["custom"]["config"]["postgres_db"]["scheme"]
    assert sqlalchemy.create_engine(f"{scheme}://").driver == "psycopg2"


def test_the_output_of_runs_lies_below_the_work_prefix(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("S3_WORK_PREFIX", "duo-telephony-work/")
    environment.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    logs: Any = InstanceRef.from_dir(str(COMPOSE)).compute_log_manager
    assert logs._s3_key(["run", "step"], ComputeIOType.STDOUT).startswith("duo-telephony-work/")


def test_the_workspace_names_the_code_server_where_it_listens() -> None:
    command = SERVICES["code-server"]["command"]
    (origin,) = WorkspaceFileTarget([str(COMPOSE / "workspace.yaml")]).create_origins()
    assert isinstance(origin, GrpcServerCodeLocationOrigin)
    assert origin.host == "code-server"
    assert str(origin.port) == command[command.index("-p") + 1]
    assert origin.location_name == command[command.index("--location-name") + 1]


def test_the_commands_of_the_document_name_services_and_files_that_there_are() -> None:
    text = (DEPLOY.parent / "docs" / "production.md").read_text()
    commands = "".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    named = re.findall(r"docker compose (?:exec|run --rm) (?:-T )?(\S+)", commands)
    named += re.search(r"logs --follow --since 1h (.*)", commands).group(1).split()  # type: ignore[union-attr]
    assert named
    assert set(named) <= SERVICES.keys()
    assert all((DEPLOY.parent / path).exists() for path in re.findall(r"deploy/\S+", commands))
    assert set(re.findall(r"caddy:\S+", text)) == {SERVICES["proxy"]["image"]}


def test_aws_knows_the_command_of_the_page_that_lets_a_container_take_the_role() -> None:
    text = (DEPLOY.parent / "docs" / "production.md").read_text()
    (command,) = re.findall(r"^(aws ec2 (?:\\\n|.)*)$", text, re.MULTILINE)
    _, service, name, *arguments = command.replace("\\\n", " ").split()
    assert_aws_knows(service, name, arguments)
    assert arguments[-2:] == ["--http-put-response-hop-limit", "2"]


@contextmanager
def proxy_before_a_ui(folder: Path, **variables: str) -> Iterator[str]:
    """Run the proxy, as the file says, before a web server that answers each request with its path."""

    class Ui(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"path": self.path}).encode())

        def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002 - its name

    server = ThreadingHTTPServer(("127.0.0.1", 0), Ui)
    Thread(target=server.serve_forever, daemon=True).start()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    text = (COMPOSE / "Caddyfile").read_text().replace("webserver:3000", f"127.0.0.1:{server.server_port}")
    (folder / "Caddyfile").write_text(text.replace("{\n", "{\n\tadmin off\n", 1))
    process = subprocess.Popen(
        [PROGRAMS / "caddy", "run", "--adapter", "caddyfile", "--config", folder / "Caddyfile"],
        env={"HOME": str(folder), "UI_ADDRESS": address, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield address
    finally:
        process.kill()
        process.wait()
        server.shutdown()


def answer(url: str, login: str = "") -> int:
    headers = {"Authorization": f"Basic {b64encode(login.encode()).decode()}"} if login else {}
    try:
        with urlopen(Request(url, headers=headers), timeout=10) as response:
            return int(response.status)
    except HTTPError as error:
        return error.code
    except OSError:
        return 0


def test_nothing_of_the_ui_is_to_be_had_without_the_login(tmp_path: Path) -> None:
    password_hash = run("caddy", "hash-password", "--plaintext", "a word").strip()
    with proxy_before_a_ui(tmp_path, UI_USER="soc", UI_PASSWORD_HASH=password_hash) as url:
        assert until(lambda: answer(url) == 401, 20)
        for path in ("/graphql", "/server_info", "/logs/x", "/."):
            assert answer(url + path) == 401
        assert answer(f"{url}/graphql", "soc:another word") == 401
        assert answer(f"{url}/graphql", "soc:a word") == 200


def test_without_a_user_and_a_password_nobody_gets_in(tmp_path: Path) -> None:
    with proxy_before_a_ui(tmp_path) as url:
        assert until(lambda: answer(url) != 0, 20)
        assert answer(url) == answer(url, ":") == 401
