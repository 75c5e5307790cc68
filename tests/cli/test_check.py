"""`duo-pipeline check`, with one thing after the other broken."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner, Result
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, ScheduleInstigatorData
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat
from dagster_aws.s3 import S3Resource

from duo_pipeline.cli import main
from duo_pipeline.cli.local_instance import local_instance
from duo_pipeline.defs import resources
from duo_pipeline.defs.resources import s3_client
from duo_pipeline.duo.admin_api import AdminApi
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.landing.feed import Feed
from duo_pipeline.landing.keys import log_key
from duo_pipeline.landing.ownership import claim
from duo_pipeline.preflight import temporary_files
from duo_pipeline.sandbox.admin_api import AdminApi as EmulatedDuo
from duo_pipeline.sandbox.knobs import Fault, Knobs
from duo_pipeline.sandbox.log import FixedLog
from duo_pipeline.sandbox.s3 import Identity
from tests.conftest import FEED_ONLY, NO_LIST, NO_READ, NO_RIGHTS, READ_ONLY, WORK_ONLY, ServedDuo
from tests.landing import stores
from tests.records import SKEY, sent, settled_hour

PROGRAM = str(Path(sys.executable).parent / "duo-pipeline")
PHONE = "+13125550123"
BUCKET_LINES = ("S3/list", "S3/put", "S3/get", "S3/work prefix", "S3/feed")
DUO_LINES = tuple(
    f"Duo/{name}"
    for name in (
        *("DNS", "connection", "TLS", "answer", "clock"),
        *("integration key", "signature", "permission", "history", "last day"),
    )
)
DAGSTER_LINES = ("Dagster/storage", "Dagster/daemon", "Dagster/schedules", "Dagster/pool limit")


@dataclass
class World:
    """Everything that a run needs, in working order."""

    settings: pytest.MonkeyPatch
    duo: ServedDuo
    bucket: Bucket
    home: Path

    def set(self, **values: str) -> None:
        for name, value in values.items():
            self.settings.setenv(name, value)

    def unset(self, *names: str) -> None:
        for name in names:
            self.settings.delenv(name)

    def act_as(self, identity: Identity) -> None:
        self.set(AWS_ACCESS_KEY_ID=identity.access_key, AWS_SECRET_ACCESS_KEY=identity.secret_key)

    def put(self, *keys: str) -> None:
        for key in keys:
            with Body() as body:
                body.write(b"{}\n")
                self.bucket.put(key, body)

    def claimed(self, new_prefix: str) -> str:
        """Claim the work prefix for the feed as it is, and return what is to be the next one."""
        feed = Feed(self.bucket, "duo-telephony/", "duo-telephony-work/", "secops")
        claim(feed, base_work_prefix=feed.work_prefix, duo_account="127.0.0.1:9")
        return new_prefix

    def without(self, text: str) -> None:
        """Take something out of the instance's dagster.yaml."""
        file = self.home / "dagster.yaml"
        assert text in file.read_text()
        file.write_text(file.read_text().replace(text, ""))

    def last_beat(self, ago: timedelta, *parts: str) -> None:
        """Set the last heartbeat of the daemon, or of some of its parts, to this long ago."""
        with dg.DagsterInstance.get() as instance:
            beat(instance, datetime.now(UTC) - ago, parts or instance.get_required_daemon_types())

    def switch(self, schedule: str, status: InstigatorStatus) -> None:
        location = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="duo_pipeline.definitions"))
        data = ScheduleInstigatorData("5 * * * *")
        origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), schedule)
        with dg.DagsterInstance.get() as instance:
            instance.add_instigator_state(InstigatorState(origin, InstigatorType.SCHEDULE, status, data))


def beat(instance: dg.DagsterInstance, at: datetime, parts: Iterable[str]) -> None:
    for part in parts:
        instance.add_daemon_heartbeat(DaemonHeartbeat(at.timestamp(), part, None, []))


@pytest.fixture(scope="module")
def fresh_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance whose daemon is alive, to be copied: making one takes longer than the rest of a test."""
    home = local_instance(tmp_path_factory.mktemp("home"))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        # an hour from now, so that it is alive in the last of these tests, too
        beat(instance, datetime.now(UTC) + timedelta(hours=1), instance.get_required_daemon_types())
    return home


@pytest.fixture
def world(
    settings: pytest.MonkeyPatch, duo: ServedDuo, bucket: Bucket, fresh_home: Path, tmp_path: Path
) -> World:
    home = tmp_path / "dagster"
    shutil.copytree(fresh_home, home)
    settings.chdir(tmp_path)
    settings.setenv("DAGSTER_HOME", str(home))
    # whatever the machine has
    settings.setattr(tempfile, "tempdir", None)
    settings.setattr(temporary_files, "IN_MEMORY", ())
    settings.setattr(temporary_files, "ROOM_FOR_A_MILLION", 0)
    duo.api.log = FixedLog([sent(settled_hour(back), phone=PHONE) for back in (3000, 2)])
    world = World(settings, duo, bucket, home)
    world.put(log_key("duo-telephony/", settled_hour(), "0" * 64))
    return world


def run(*options: str) -> Result:
    result = CliRunner().invoke(main, ["check", *options])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    for secret in (SKEY, os.environ.get("AWS_SECRET_ACCESS_KEY", SKEY), PHONE, PHONE[2:]):
        assert secret not in result.output
    return result


def lines() -> dict[str, dict[str, Any]]:
    result = run("--json")
    answer = json.loads(result.stdout)
    assert answer["ok"] is (result.exit_code == 0)
    return {f"{line['group']}/{line['name']}": line for line in answer["lines"]}


def named(lines: dict[str, dict[str, Any]], status: str) -> list[str]:
    return [name for name, line in lines.items() if line["status"] == status]


def unresolved(world: World, error: int) -> None:
    name, look_up = "api-00000000.duosecurity.com", socket.getaddrinfo

    def fail(host: str, *rest: Any, **options: Any) -> Any:
        if host == name:
            raise socket.gaierror(error, "")
        return look_up(host, *rest, **options)

    world.set(DUO_API_HOST=name)
    world.settings.setattr(socket, "getaddrinfo", fail)


def another_clock(world: World, ahead: timedelta) -> None:
    world.duo.api.clock = lambda: datetime.now(UTC) + ahead


def storage_in_a_file(world: World) -> None:
    (world.home / "file").touch()
    with (world.home / "dagster.yaml").open("a") as file:
        file.write(f"storage:\n  sqlite:\n    base_dir: {world.home / 'file'}\n")


@dataclass(frozen=True)
class Broken:
    """One thing that is broken: the line that is red, what its sentence says, and what cannot be tried."""

    how: Callable[[World], None]
    line: str
    says: tuple[str, ...]
    not_tried: tuple[str, ...] = ()


def after(line: str) -> tuple[str, ...]:
    return DUO_LINES[DUO_LINES.index(line) + 1 :]


BROKEN = {
    "no secret key of Duo's": Broken(
        lambda world: world.unset("DUO_SKEY"),
        "settings/Duo",
        ("DUO_SKEY is not set", ".env"),
        DUO_LINES,
    ),
    "a host that is not Duo's": Broken(
        lambda world: world.set(DUO_API_HOST="api.example.com"),
        "settings/Duo",
        ("DUO_API_HOST must be a host of Duo's",),
        DUO_LINES,
    ),
    "no bucket is set": Broken(
        lambda world: world.unset("S3_BUCKET"),
        "settings/S3",
        ("S3_BUCKET is not set",),
        ("S3/bucket", *BUCKET_LINES),
    ),
    "prefixes that contain each other": Broken(
        lambda world: world.set(S3_WORK_PREFIX="duo-telephony/inner/"),
        "settings/S3",
        ("S3_PREFIX (duo-telephony/)", "S3_WORK_PREFIX (duo-telephony/inner/)", "must not contain"),
        ("S3/bucket", *BUCKET_LINES),
    ),
    "hours read before Duo shows them": Broken(
        lambda world: world.set(DUO_SETTLE_MINUTES="1"),
        "settings/hours",
        ("DUO_SETTLE_MINUTES must be a whole number, 2 or more",),
        ("Duo/history",),
    ),
    "an unknown host": Broken(
        lambda world: unresolved(world, socket.EAI_NONAME),
        "Duo/DNS",
        ("There is no host api-00000000.duosecurity.com", "check DUO_API_HOST"),
        after("Duo/DNS"),
    ),
    "a name server that does not answer": Broken(
        lambda world: unresolved(world, socket.EAI_AGAIN), "Duo/DNS", ("name server",), after("Duo/DNS")
    ),
    "a web page of Duo's instead of the API": Broken(
        lambda world: world.set(DUO_API_HOST="admin-00000000.duosecurity.com"),
        "settings/Duo",
        ("DUO_API_HOST is one of Duo's web pages: copy the API hostname",),
        DUO_LINES,
    ),
    "a proxy that does not listen": Broken(
        lambda world: world.set(
            HTTP_PROXY="http://127.0.0.1:9", NO_PROXY=os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
        ),
        "Duo/connection",
        ("The proxy 127.0.0.1:9 (HTTP_PROXY) cannot be reached",),
        after("Duo/connection"),
    ),
    "nobody listens": Broken(
        lambda world: world.set(DUO_API_HOST="http://127.0.0.1:9"),
        "Duo/connection",
        ("127.0.0.1", "firewall"),
        after("Duo/connection"),
    ),
    "no TLS on the other side": Broken(
        lambda world: world.set(DUO_API_HOST=world.duo.url.replace("http:", "https:")),
        "Duo/TLS",
        ("SSLError", "DUO_API_HOST"),
        after("Duo/TLS"),
    ),
    "Duo is overloaded": Broken(
        lambda world: setattr(world.duo.api, "knobs", Knobs(faults=(Fault("429"),))),
        "Duo/answer",
        ("too many requests", "check again in a few minutes"),
        after("Duo/answer"),
    ),
    "Duo has a failure": Broken(
        lambda world: setattr(world.duo.api, "knobs", Knobs(faults=(Fault("garbage"),))),
        "Duo/answer",
        ("not JSON", "check again in a few minutes"),
        after("Duo/answer"),
    ),
    "Duo sends something else than a log": Broken(
        lambda world: world.settings.setattr(AdminApi, "get", lambda *_: {"metadata": {}}),
        "Duo/answer",
        ("no list of items", "report it to Duo's support"),
        after("Duo/answer"),
    ),
    "this machine's clock is slow": Broken(
        lambda world: another_clock(world, timedelta(hours=1)),
        "Duo/clock",
        ("s behind Duo's", "NTP"),
        after("Duo/clock"),
    ),
    "a wrong integration key": Broken(
        lambda world: world.set(DUO_IKEY="DIWRONGWRONGWRONG000"),
        "Duo/integration key",
        ("check DUO_IKEY",),
        after("Duo/integration key"),
    ),
    "a wrong secret key of Duo's": Broken(
        lambda world: world.set(DUO_SKEY="another-skey-that-opens-nothing"),
        "Duo/signature",
        ("check DUO_SKEY",),
        after("Duo/signature"),
    ),
    "no permission": Broken(
        lambda world: setattr(world.duo.api, "knobs", Knobs(grant_read_log=False)),
        "Duo/permission",
        ("Grant read log",),
        after("Duo/permission"),
    ),
    "a log of thirty days": Broken(
        lambda world: setattr(world.duo.api, "knobs", Knobs(history_days=30)),
        "Duo/history",
        ("within the past 30 days", "set DUO_PARTITIONS_START"),
        after("Duo/history"),
    ),
    "no such bucket": Broken(
        lambda world: world.set(S3_BUCKET="no-such-bucket"),
        "S3/bucket",
        ("there is no such bucket: check S3_BUCKET",),
        BUCKET_LINES,
    ),
    "an unknown access key": Broken(
        lambda world: world.set(AWS_ACCESS_KEY_ID="NOSUCHKEY00000000000"),
        "S3/bucket",
        ("check AWS_ACCESS_KEY_ID",),
        BUCKET_LINES,
    ),
    "a wrong secret access key": Broken(
        lambda world: world.set(AWS_SECRET_ACCESS_KEY="another-secret"),
        "S3/bucket",
        ("check AWS_SECRET_ACCESS_KEY",),
        BUCKET_LINES,
    ),
    "no AWS credentials": Broken(
        lambda world: world.unset("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        "S3/bucket",
        ("no AWS credentials", "set AWS_ACCESS_KEY_ID"),
        BUCKET_LINES,
    ),
    "an S3 that is not there": Broken(
        lambda world: world.set(AWS_ENDPOINT_URL="http://127.0.0.1:9"),
        "S3/bucket",
        ("cannot be reached", "AWS_ENDPOINT_URL"),
        BUCKET_LINES,
    ),
    "no right to list": Broken(
        lambda world: world.act_as(NO_LIST),
        "S3/list",
        ("did not list", "s3:ListBucket"),
        ("S3/work prefix", "S3/feed"),
    ),
    "no right to write": Broken(
        lambda world: world.act_as(READ_ONLY),
        "S3/put",
        ("did not write", "s3:PutObject"),
        ("S3/get", "S3/work prefix"),
    ),
    "no right to read": Broken(
        lambda world: world.act_as(NO_READ), "S3/get", ("did not read", "s3:GetObject"), ("S3/work prefix",)
    ),
    "no right to read the feed": Broken(
        lambda world: world.act_as(WORK_ONLY),
        "S3/get",
        ("did not read", "/duo-telephony/dt=", "s3:GetObject"),
        ("S3/work prefix",),
    ),
    "another S3_PREFIX": Broken(
        lambda world: world.set(S3_PREFIX=world.claimed("elsewhere/")),
        "S3/work prefix",
        ("The feed has changed from s3://", "/duo-telephony/ (", "/elsewhere/", "set S3_PREFIX", "delete"),
    ),
    "a note of the work prefix that says nothing": Broken(
        lambda world: world.put("duo-telephony-work/feed.json"),
        "S3/work prefix",
        ("duo-telephony-work/feed.json does not name the feed", "earlier version"),
    ),
    "the Lambda's checkpoint": Broken(
        lambda world: world.put("duo-telephony/state.json"),
        "S3/feed",
        ("not log objects: state.json (the Lambda's checkpoint: switch", "`duo-pipeline adopt`", "delete"),
    ),
    "the Lambda's files": Broken(
        lambda world: world.put(*(f"duo-telephony/telephony_2026112{day}.json" for day in range(5))),
        "S3/feed",
        ("telephony_20261120.json", "and 2 more", "take them over with `duo-pipeline adopt`"),
    ),
    "an object that is no log's": Broken(
        lambda world: world.put("duo-telephony/dt=2026-11-23/hour=05/notes.txt"),
        "S3/feed",
        ("dt=2026-11-23/hour=05/notes.txt", "outside the feed"),
    ),
    "no folder for temporary files": Broken(
        lambda world: world.settings.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nowhere"]),
        "this machine/temporary files",
        ("There is no folder that temporary files can be written to: set TMPDIR",),
    ),
    "a folder made in the S3 console": Broken(
        lambda world: world.put("duo-telephony/"),
        "S3/feed",
        ("not log objects: duo-telephony/ (a folder made in the S3 console: delete it",),
    ),
    "the folder of a day": Broken(
        lambda world: world.put("duo-telephony/dt=2026-11-23/"),
        "S3/feed",
        ("not log objects: dt=2026-11-23/ (a folder made in the S3 console",),
    ),
    "marks of other programs": Broken(
        lambda world: world.put("duo-telephony/_SUCCESS", "duo-telephony/dt=2026-11-23/.DS_Store"),
        "S3/feed",
        ("not log objects: _SUCCESS, dt=2026-11-23/.DS_Store (move these objects",),
    ),
    "an object whose name is a number": Broken(
        lambda world: world.put("duo-telephony/+13125550123\x1b[31m.json"),
        "S3/feed",
        ("not log objects: •••• (move these objects",),
    ),
    "no DAGSTER_HOME": Broken(
        lambda world: world.unset("DAGSTER_HOME"),
        "Dagster/DAGSTER_HOME",
        ("DAGSTER_HOME is not set", "deploy/local/dagster.yaml"),
        DAGSTER_LINES,
    ),
    "a DAGSTER_HOME that is not there": Broken(
        lambda world: world.set(DAGSTER_HOME=f"{world.home}/gone"),
        "Dagster/DAGSTER_HOME",
        ("gone) is not a folder",),
        DAGSTER_LINES,
    ),
    "a storage that cannot be opened": Broken(
        storage_in_a_file, "Dagster/storage", ("cannot be opened", "check dagster.yaml"), DAGSTER_LINES[1:]
    ),
    "the daemon died": Broken(
        lambda world: world.last_beat(timedelta(minutes=10)),
        "Dagster/daemon",
        ("is not running (its last heartbeat was at 20", "start it", "dagster-daemon run"),
    ),
    "a part of the daemon died": Broken(
        lambda world: world.last_beat(timedelta(minutes=10), "SCHEDULER"),
        "Dagster/daemon",
        ("(SCHEDULER)", "start it"),
    ),
    "a schedule is off": Broken(
        lambda world: world.switch("telephony_reconcile", InstigatorStatus.STOPPED),
        "Dagster/schedules",
        ("schedules are off: telephony_reconcile.", "Switch them on in Dagster's UI"),
    ),
    "the pool has no limit": Broken(
        lambda world: world.without("    default_limit: 1\n"),
        "Dagster/pool limit",
        ("duo_admin_api is not set", "dagster instance concurrency set duo_admin_api 1"),
    ),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_named_with_its_cure_and_nothing_else_is(world: World, broken: Broken) -> None:
    broken.how(world)
    found = lines()
    assert named(found, "failed") == [broken.line]
    for words in broken.says:
        assert words in found[broken.line]["sentence"]
    assert named(found, "not tried") == list(broken.not_tried)
    assert named(found, "warning") == []
    assert world.duo.api.statuses.total() <= 1


def test_where_all_is_well_it_says_so_and_exits_with_0(world: World) -> None:
    result = run()
    assert result.exit_code == 0
    assert "✓ A run has everything that it needs." in result.stdout
    assert not any(mark in result.stdout for mark in "✗!")
    assert world.duo.api.statuses.total() == 1


def test_a_second_time_it_says_the_same_and_writes_nothing_more(world: World) -> None:
    assert run().exit_code == run().exit_code == 0
    assert world.bucket.keys("duo-telephony-work/") == ["duo-telephony-work/check/probe.ndjson"]
    assert len(world.bucket.keys("duo-telephony/")) == 1


def test_the_table_marks_what_is_broken_and_what_could_not_be_tried(world: World) -> None:
    world.set(DUO_SKEY="another-skey-that-opens-nothing")
    result = run()
    assert result.exit_code == 1
    rows = {row.split("│")[2].strip(): row for row in result.stdout.splitlines() if row.count("│") == 4}
    assert "✗" in rows["signature"]
    assert "check DUO_SKEY" in rows["signature"]
    assert "-" in rows["permission"]
    assert "✓" in rows["integration key"]
    assert "✗ Failed: 1." in result.stdout


@pytest.mark.parametrize("back", [None, 30])
def test_a_day_without_records_is_a_warning_since_it_may_be_so(world: World, back: int | None) -> None:
    world.duo.api.log = FixedLog([sent(settled_hour(back))] if back else [])
    found = lines()
    assert named(found, "warning") == ["Duo/last day"]
    assert named(found, "failed") == []
    assert "no record of the last day" in found["Duo/last day"]["sentence"]
    assert run().exit_code == 0


def test_a_clock_that_is_off_by_what_duo_takes_is_a_warning(world: World) -> None:
    another_clock(world, timedelta(minutes=-3))
    world.duo.api.log = FixedLog([sent(settled_hour(1))])
    found = lines()
    assert named(found, "warning") == ["Duo/clock"]
    assert named(found, "failed") == []
    assert "s ahead of Duo's: set it (NTP)" in found["Duo/clock"]["sentence"]


def test_a_log_that_reaches_back_to_the_first_hour_is_long_enough(world: World) -> None:
    world.duo.api.knobs = Knobs(history_days=30)
    world.set(DUO_PARTITIONS_START=f"{settled_hour(24 * 20):%Y-%m-%d-%H:00}")
    assert named(lines(), "failed") == []


def test_credentials_without_any_right_are_told_for_each_right(world: World) -> None:
    world.act_as(NO_RIGHTS)
    found = lines()
    assert named(found, "failed") == ["S3/list", "S3/put"]
    assert named(found, "not tried") == ["S3/get", "S3/work prefix", "S3/feed"]


@pytest.mark.parametrize("status", [200, 409, 412])
@pytest.mark.usefixtures("world")
def test_an_s3_that_writes_over_what_is_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    def drops_the_condition(s3: S3Resource) -> Any:
        client = s3_client(s3)
        stores.drops_the_condition(Bucket(client, ""))
        if status != 200:
            stores.answers(Bucket(client, ""), "PreconditionFailed" if status == 412 else "409", status)
        return client

    monkeypatch.setattr(resources, "s3_client", drops_the_condition)
    found = lines()
    assert named(found, "failed") == ["S3/put"]
    assert named(found, "not tried") == ["S3/get", "S3/work prefix"]
    assert "although the request had If-None-Match" in found["S3/put"]["sentence"]
    assert "use Amazon S3 or a store that honours If-None-Match" in found["S3/put"]["sentence"]


def test_a_limit_that_was_set_by_hand_counts(world: World) -> None:
    with dg.DagsterInstance.get() as instance:
        instance.event_log_storage.set_concurrency_slots("duo_admin_api", 2)
    found = lines()
    assert named(found, "failed") == ["Dagster/pool limit"]
    assert "is 2, but it must be 1" in found["Dagster/pool limit"]["sentence"]
    world.without("    default_limit: 1\n")
    with dg.DagsterInstance.get() as instance:
        instance.event_log_storage.set_concurrency_slots("duo_admin_api", 1)
    assert named(lines(), "failed") == []


@pytest.mark.usefixtures("world")
def test_a_daemon_that_has_never_run_is_told() -> None:
    with dg.DagsterInstance.get() as instance:
        instance.wipe_daemon_heartbeats()
    assert "is not running: start it" in lines()["Dagster/daemon"]["sentence"]


def test_a_schedule_that_was_switched_on_by_hand_is_on(world: World) -> None:
    world.switch("telephony_hourly", InstigatorStatus.RUNNING)
    assert named(lines(), "failed") == []


def test_a_person_runs_it_and_its_settings_are_read_from_env(world: World) -> None:
    (world.home.parent / ".env").write_text("DUO_SKEY=another-skey\n")
    done = subprocess.run([PROGRAM, "check"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    assert "check DUO_SKEY" in done.stdout
    assert done.stderr == ""


def test_adopted_files_of_the_lambda_are_a_warning(world: World) -> None:
    world.put(
        "duo-telephony/telephony_20261120.json",
        f"duo-telephony-work/adopted/duo-telephony/dt=2026-11-20/hour=05/{64 * 'a'}.ndjson",
    )
    found = lines()
    assert named(found, "warning") == ["S3/feed"]
    assert named(found, "failed") == []
    assert "1 objects of the Lambda" in found["S3/feed"]["sentence"]


def test_whether_files_were_adopted_is_not_known_without_the_right_to_list(world: World) -> None:
    world.put("duo-telephony/telephony_20261120.json")
    world.act_as(FEED_ONLY)
    assert named(lines(), "failed") == ["S3/list", "S3/put", "S3/feed"]


@pytest.fixture
def children(world: World, tmp_path: Path) -> EmulatedDuo:
    """Two child accounts of one parent are in the file of accounts."""
    duo = world.duo.api
    duo.children = {at: FixedLog([sent(settled_hour(2), phone=PHONE)]) for at in ("DACHILD1", "DACHILD2")}
    keys = f"host: '{world.duo.url}', ikey_variable: DUO_IKEY, skey_variable: DUO_SKEY"
    entries = [f"- {{name: {at.lower()}, {keys}, account_id: {at}}}" for at in duo.children]
    file = tmp_path / "accounts.yaml"
    file.write_text("accounts:\n" + "\n".join(entries))
    world.set(DUO_ACCOUNTS_FILE=str(file))
    return duo


def own_records() -> list[dict[str, Any]]:
    answer = json.loads(run("--json").stdout)
    return [line for line in answer["lines"] if line["name"] == "own records"]


def test_children_with_records_of_their_own_are_in_order(children: EmulatedDuo) -> None:
    assert [line["status"] for line in own_records()] == ["ok", "ok"]
    assert children.statuses == {200: 4}


def test_a_duo_that_ignores_account_id_is_found_out(children: EmulatedDuo) -> None:
    children.knobs = Knobs(ignore_account_id=True)
    for line in own_records():
        assert line["status"] == "failed"
        assert "Duo's log seems to ignore account_id" in line["sentence"]


def test_two_children_with_the_same_records_are_found_out(children: EmulatedDuo) -> None:
    children.children = dict.fromkeys(children.children, children.children["DACHILD1"])
    first, second = own_records()
    assert "for this account and for dachild2" in first["sentence"]
    assert "for this account and for dachild1" in second["sentence"]
    assert {first["status"], second["status"]} == {"failed"}


def test_a_parent_that_cannot_be_read_is_a_warning(children: EmulatedDuo) -> None:
    children.knobs = Knobs(faults=(Fault(kind="500", after=1, times=1),))
    first, second = own_records()
    assert first["status"] == "warning"
    assert "could not be read to compare them" in first["sentence"]
    assert second["status"] == "ok"


def test_it_says_where_temporary_files_go_and_how_much_room_is_there(world: World, tmp_path: Path) -> None:
    world.set(TMPDIR=str(tmp_path))
    assert f"They go to {tmp_path}, which has " in lines()["this machine/temporary files"]["sentence"]


@pytest.mark.parametrize("is_there", [False, True])
def test_a_folder_for_temporary_files_that_is_not_used_is_a_warning(
    world: World, tmp_path: Path, *, is_there: bool
) -> None:
    wanted = tmp_path / "spills"
    if is_there:
        wanted.touch()  # a file, into which not even root can write files
    world.set(TMPDIR=str(wanted))
    sentence = warned_of_temporary_files()
    assert f"Nothing can be written to {wanted}, which TMPDIR names" in sentence
    assert f"so temporary files go to {tempfile.gettempdir()}: set TMPDIR" in sentence


def test_too_little_room_for_temporary_files_is_a_warning(world: World, tmp_path: Path) -> None:
    world.set(TMPDIR=str(tmp_path))
    world.settings.setattr(temporary_files, "ROOM_FOR_A_MILLION", 1 << 62)
    sentence = warned_of_temporary_files()
    assert f"go to {tmp_path}, which has " in sentence
    assert "MiB free" in sentence
    assert "set TMPDIR to a folder that has it" in sentence


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a file system in memory")
def test_temporary_files_in_memory_are_a_warning(world: World) -> None:
    shared = tempfile.mkdtemp(dir="/dev/shm")
    try:
        world.set(TMPDIR=shared)
        world.settings.setattr(temporary_files, "IN_MEMORY", ("tmpfs",))
        assert "which is in memory" in warned_of_temporary_files()
    finally:
        shutil.rmtree(shared)


def warned_of_temporary_files() -> str:
    """Return the sentence of a warning of temporary files, where all else is well."""
    found = lines()
    assert named(found, "failed") == []
    assert named(found, "warning") == ["this machine/temporary files"]
    return str(found["this machine/temporary files"]["sentence"])


def test_foreign_objects_below_the_work_prefix_are_named_and_only_a_warning(world: World) -> None:
    journal = "duo-telephony-work/journal/duo-telephony/dt=2026-11-23/hour=05/"
    world.put("duo-telephony-work/", "duo-telephony-work/.DS_Store", journal, f"{journal}_SUCCESS")
    found = lines()
    assert (named(found, "warning"), named(found, "failed")) == (["S3/work prefix"], [])
    assert (
        "are not the pipeline's: duo-telephony-work/, .DS_Store,"
        " journal/duo-telephony/dt=2026-11-23/hour=05/ and 1 more. They stop nothing."
    ) in found["S3/work prefix"]["sentence"]
