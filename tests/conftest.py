"""The external systems for the tests: an emulated Duo, and a real S3 server, one for each test process."""

import functools
import gc
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.script import ScriptDirectory
from botocore.loaders import JSONFileLoader
from starlette.types import Receive, Scope, Send

from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.sandbox.admin_api import AdminApi as EmulatedDuo
from duo_pipeline.sandbox.log import FixedLog
from duo_pipeline.sandbox.s3 import READER, Identity, S3Server
from duo_pipeline.sandbox.serving import serve
from tests.records import IKEY, SKEY

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SLOW = (
    "test_daemon",
    "test_contradictions",
    "test_operations",
    "test_executor",
    "test_wheel",
    "test_way",
    "test_lines",
    "test_ui",
    "test_definitions",
    "test_sensor",
    "test_check.py",
)
READ_ONLY = Identity("read-only", "READONLYACCESSKEY000", "read-only-secret-key-opens-nothing-00000", READER)
NO_RIGHTS = Identity("no-rights", "NORIGHTSACCESSKEY000", "no-rights-secret-key-opens-nothing-00000")
NO_LIST = Identity(
    "no-list", "NOLISTACCESSKEY00000", "no-list-secret-key-0000000000000000000", ("Read", "Write")
)
NO_READ = Identity(
    "no-read", "NOREADACCESSKEY00000", "no-read-secret-key-0000000000000000000", ("List", "Write")
)
WORK_ONLY = Identity(
    *("work-only", "WORKONLYACCESSKEY000", "work-only-secret-key-00000000000000000"),
    ("List", "Write", "Read:*/duo-telephony-work/*"),
)
FEED_ONLY = Identity(
    *("feed-only", "FEEDONLYACCESSKEY000", "feed-only-secret-key-00000000000000000"),
    ("List:*/duo-telephony/*", "Read:*/duo-telephony/*"),
)


class Stage:
    """Serves the emulated Duo of the current test: starting a server takes longer than most tests."""

    api: EmulatedDuo
    url: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.api(scope, receive, send)


@dataclass
class ServedDuo:
    """An emulated Duo, and where it is."""

    api: EmulatedDuo
    url: str


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the S3 server. Begin with the files that take longest: others fill their waits."""
    for item in items:
        if "s3_server" in getattr(item, "fixturenames", ()):
            item.add_marker("s3")
    items.sort(key=lambda item: next((n for n, file in enumerate(SLOW) if file in item.nodeid), len(SLOW)))


def pytest_collection_finish() -> None:
    """Leave what is imported by now out of the rounds of the garbage collector: each took half a second."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def libraries_read_their_files_once() -> Iterator[None]:
    """Keep what botocore reads for each session, and Alembic for each instance of Dagster.

    These are files of the installed packages, which a test does not change. Reading them takes longer than
    most tests.
    """
    with pytest.MonkeyPatch.context() as patch:
        load_file = functools.cache(JSONFileLoader().load_file)
        patch.setattr(JSONFileLoader, "load_file", staticmethod(load_file))
        patch.setattr(ScriptDirectory, "from_config", functools.cache(ScriptDirectory.from_config))
        yield


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings of the person who runs it."""
    for name in os.environ:
        if name.startswith(("DUO_", "S3_", "SECOPS_", "AWS_", "DAGSTER_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server."""
    server = S3Server(
        tmp_path_factory.mktemp("s3"),
        access_key="TESTACCESSKEY0000000",
        secret_key="test-secret-key-that-opens-nothing-00000",
        identities=[READ_ONLY, NO_RIGHTS, NO_LIST, NO_READ, WORK_ONLY, FEED_ONLY],
    )
    with server:
        yield server


@pytest.fixture(scope="session")
def s3_admin(s3_server: S3Server) -> "S3Client":
    """A client that may do everything."""
    return s3_server.client()


@pytest.fixture
def bucket(s3_server: S3Server, s3_admin: "S3Client") -> Bucket:
    """A new, empty bucket in it."""
    name = f"test-{uuid.uuid4()}"
    s3_admin.create_bucket(Bucket=name)
    return Bucket(s3_server.client(), name)


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    stage = Stage()
    with serve(stage) as stage.url:
        yield stage


@pytest.fixture
def duo(stage: Stage) -> ServedDuo:
    """An emulated Duo whose log is empty, at the time that the machine has."""
    stage.api = EmulatedDuo(IKEY, SKEY, log=FixedLog([]), clock=lambda: datetime.now(UTC))
    return ServedDuo(stage.api, stage.url)


@pytest.fixture
def settings(
    duo: ServedDuo, s3_server: S3Server, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    """The environment that leads the pipeline to both, and a way to change it."""
    for name, value in {
        "DUO_IKEY": IKEY,
        "DUO_SKEY": SKEY,
        "DUO_API_HOST": duo.url,
        "DUO_RETRY_BASE_SECONDS": "0",
        "S3_BUCKET": bucket.name,
        "AWS_ACCESS_KEY_ID": s3_server.access_key,
        "AWS_SECRET_ACCESS_KEY": s3_server.secret_key,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": s3_server.url,
    }.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture(scope="session")
def google_vectors() -> Path:
    """Google's own test vectors, which lie beside the project."""
    folder = Path(__file__).parents[2] / "shared" / "vectors"
    if not folder.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"Google's test vectors are missing in {folder}")
        pytest.skip("Google's test vectors do not lie beside this checkout (../shared/vectors)")
    return folder
