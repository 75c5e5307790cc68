"""The code location, as Dagster loads it."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from duo_pipeline.config.settings import SettingsError
from duo_pipeline.defs.partitions import key_of
from tests.records import settled_hour

TOP = Path(__file__).parents[1]
RUN = ("dagster", "asset", "materialize", "-m", "duo_pipeline.definitions")


def run(*command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **settings}
    return subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:]],
        cwd=TOP,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def load(**settings: str) -> dg.Definitions:
    """Load the code location anew, with these settings."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        defs = runpy.run_module("duo_pipeline.definitions")["defs"]
    assert isinstance(defs, dg.Definitions)
    return defs


def test_it_loads_without_any_setting_and_has_the_names_of_the_contract() -> None:
    defs = load()
    graph = defs.resolve_asset_graph()
    assert {key.to_user_string() for key in graph.executable_asset_keys} == {
        "duo/telephony_ndjson",
        "duo/telephony_udm",
        "duo/telephony_usage",
    }
    assert graph.get(dg.AssetKey(["duo", "telephony_ndjson"])).parent_keys == {
        dg.AssetKey(["duo", "admin_api_telephony_log"])
    }
    assert dg.AssetKey(["duo", "secops_feed"]) in graph.external_asset_keys
    job = defs.resolve_job_def("telephony")
    for name in ("telephony", "telephony_reconcile", "telephony_usage"):
        assert defs.resolve_job_def(name).tags["duo_account"] == "duo"
    assert {op.pool for op in job.all_node_defs if isinstance(op, dg.OpDefinition)} == {"duo_admin_api", None}
    repository = defs.get_repository_def()
    assert {schedule.name for schedule in repository.schedule_defs} == {
        "telephony_hourly",
        "telephony_reconcile",
        "telephony_usage",
    }


def test_a_run_without_any_setting_names_each_that_it_needs(tmp_path: Path) -> None:
    hour = ("--select", "duo/telephony_ndjson", "--partition", key_of(settled_hour()))
    done = run(*RUN, *hour, DAGSTER_HOME=str(tmp_path))
    assert done.returncode == 1
    needed = (
        "DUO_IKEY, DUO_SKEY, DUO_API_HOST and S3_BUCKET are not set: set them in the environment or in .env."
    )
    assert needed in done.stderr


def test_with_a_file_each_account_has_assets_schedules_and_a_pool_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "accounts.yaml"
    account = "  - {{name: {0}, host: api-{0}.duosecurity.com, secret: {0}, start: {1}}}\n"
    acme, globex = account.format("acme", "2026-06-01-00:00"), account.format("globex", "2026-07-01-00:00")
    file.write_text(f"accounts:\n{acme}{globex}")
    defs = load(DUO_ACCOUNTS_FILE=str(file))
    graph, repository = defs.resolve_asset_graph(), defs.get_repository_def()
    first = {
        key.to_user_string(): (node.pools, node.partitions_def.get_first_partition_key())
        for key in graph.executable_asset_keys
        if (node := graph.get(key)).partitions_def
    }
    assert first == {
        "acme/telephony_ndjson": ({"duo_admin_api_acme"}, "2026-06-01-00:00"),
        "acme/telephony_udm": (set(), "2026-06-01-00:00"),
        "acme/telephony_usage": (set(), "2026-06-01"),
        "globex/telephony_ndjson": ({"duo_admin_api_globex"}, "2026-07-01-00:00"),
        "globex/telephony_udm": (set(), "2026-07-01-00:00"),
        "globex/telephony_usage": (set(), "2026-07-01"),
    }
    assert len(graph.asset_check_keys) == 20
    assert {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")} == {
        "telephony_acme",
        "telephony_globex",
        "telephony_reconcile_acme",
        "telephony_reconcile_globex",
        "telephony_usage_acme",
        "telephony_usage_globex",
    }
    assert {schedule.name for schedule in repository.schedule_defs} == {
        "telephony_hourly_acme",
        "telephony_hourly_globex",
        "telephony_reconcile_acme",
        "telephony_reconcile_globex",
        "telephony_usage_acme",
        "telephony_usage_globex",
    }


def test_with_an_instance_of_secops_each_account_has_receipts(tmp_path: Path) -> None:
    file = tmp_path / "accounts.yaml"
    account = "  - {{name: {0}, host: api-{0}.duosecurity.com, secret: {0}}}\n"
    file.write_text(f"accounts:\n{account.format('acme')}{account.format('globex')}")
    defs = load(DUO_ACCOUNTS_FILE=str(file), SECOPS_PROJECT="acme-secops")
    graph, repository = defs.resolve_asset_graph(), defs.get_repository_def()
    assets = {key.to_user_string() for key in graph.executable_asset_keys}
    assert {"acme/secops_events", "globex/secops_events"} <= assets
    schedules = {schedule.name for schedule in repository.schedule_defs}
    assert {"telephony_receipts_acme", "telephony_receipts_globex"} <= schedules
    of_secops = {key.name for key in graph.asset_check_keys} & {"received", "parser_as_modelled"}
    assert of_secops == {"received", "parser_as_modelled"}


def test_receipts_and_the_check_of_the_parser_are_no_part_of_landing() -> None:
    job = load(SECOPS_PROJECT="acme-secops").resolve_job_def("telephony")
    assert {node.name for node in job.nodes} == {"duo__telephony_ndjson", "duo__telephony_udm"}
    udm = job.get_node_named("duo__telephony_udm").definition
    assert "parser_as_modelled" not in " ".join(udm.output_dict)


def test_neither_pandas_nor_anything_of_secops_is_imported_where_no_run_needs_it() -> None:
    code = (
        "import sys; import duo_pipeline.definitions\n"
        "of = ('duo_pipeline.defs.secops', 'google.cloud', 'pandas', 'numpy')\n"
        "print([name for name in sys.modules if name.startswith(of)])"
    )
    done = run("python", "-c", code)
    assert done.stdout == "[]\n", done.stderr


def test_a_wrong_file_of_accounts_is_told_when_it_loads(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(DUO_ACCOUNTS_FILE=str(tmp_path / "none"))
    assert str(caught.value).endswith("(DUO_ACCOUNTS_FILE) cannot be read: No such file or directory.")


@pytest.mark.parametrize(
    ("arn", "status"),
    [
        ("", dg.DefaultSensorStatus.STOPPED),
        ("arn:aws:sns:eu-central-1:123456789012:duo", dg.DefaultSensorStatus.RUNNING),
    ],
)
def test_people_are_told_of_troubles_when_there_is_a_topic(arn: str, status: dg.DefaultSensorStatus) -> None:
    sensor = load(ALERT_SNS_TOPIC_ARN=arn).get_repository_def().get_sensor_def("telephony_alerts")
    assert sensor.default_status is status


@pytest.mark.parametrize(
    "command", [("dg", "check", "defs"), ("dagster", "definitions", "validate", "-w", "workspace.yaml")]
)
def test_dagsters_own_commands_accept_it_from_the_top_folder(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    done = run(*command, DAGSTER_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr


def test_a_wrong_setting_of_the_hours_is_told_when_it_loads() -> None:
    with pytest.raises(SettingsError, match="DUO_PARTITIONS_START must be a whole hour in UTC"):
        load(DUO_PARTITIONS_START="yesterday")


def test_the_shipped_instance_gives_the_pool_its_limit() -> None:
    from dagster._core.instance.config import dagster_instance_config

    config, _ = dagster_instance_config(str(TOP / "deploy" / "local"))
    assert config["concurrency"]["pools"]["default_limit"] == 1
    assert config["telemetry"]["enabled"] is False
