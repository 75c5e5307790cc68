"""Duo and Amazon S3, as the containers see them: under their true names, behind TLS."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.request import urlopen

import pytest

from duo_pipeline.defs.partitions import HOUR
from duo_pipeline.instants import unix_ms
from duo_pipeline.sandbox import s3
from duo_pipeline.sandbox.knobs import Fault, Knobs
from duo_pipeline.sandbox.log import GeneratedLog
from duo_pipeline.sandbox.sandbox import ACCESS_KEY, INTEGRATION_KEY, SECRET_ACCESS_KEY, SECRET_KEY, Sandbox
from tests.cli.test_ui import until
from tests.production.machine import free_port

REGION = "eu-central-1"
DUO = "api-0a1b2c3d.duosecurity.com"
S3 = f"s3.{REGION}.amazonaws.com"
IMAGE = "caddy:2.11.7-alpine"
RECORDS_PER_DAY = 28_800
SLOW = Knobs(page_size=20, faults=(Fault(kind="stall", seconds=1, times=1_000_000),))
"""Duo answers in a second, with few records."""


@dataclass
class Outside:
    """The emulated Duo, the S3 server, and the container that stands before both."""

    sandbox: Sandbox
    folder: Path
    host: str
    ports: dict[str, str]

    @property
    def settings(self) -> dict[str, str]:
        """The lines for .env."""
        return {
            "DUO_IKEY": INTEGRATION_KEY,
            "DUO_SKEY": SECRET_KEY,
            "DUO_API_HOST": DUO,
            "S3_BUCKET": self.sandbox.bucket,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CA_BUNDLE": "/ca.crt",
            "REQUESTS_CA_BUNDLE": "/ca.crt",
        }

    def override(self, *services: str) -> str:
        """Return a compose.override.yaml: the services trust the certificates, and the names lead here."""
        names = {DUO: self.ports["duo"], f"{self.sandbox.bucket}.{S3}": self.ports["s3"]}
        sites = [
            f"https://{name} {{\n\ttls /tls/leaf.crt /tls/leaf.key\n\treverse_proxy {self.host}:{port}\n}}\n"
            for name, port in names.items()
        ]
        (self.folder / "Caddyfile").write_text("{\n\tadmin off\n}\n" + "".join(sites))
        trust = {"volumes": [f"{self.folder}/ca.crt:/ca.crt:ro"]}
        front = {
            "image": IMAGE,
            "restart": "unless-stopped",
            "volumes": [f"{self.folder}:/tls:ro"],
            "command": ["caddy", "run", "--adapter", "caddyfile", "--config", "/tls/Caddyfile"],
            "networks": {"default": {"aliases": list(names)}},
        }
        return json.dumps({"services": {**dict.fromkeys(services, trust), "outside": front}})

    def lost_and_doubled(self, hours: list[datetime]) -> tuple[int, int, int]:
        """Return how many records Duo shows, how many the feed lacks, and how many lines are double."""
        span = f"mintime={unix_ms(hours[0])}&maxtime={unix_ms(hours[-1] + HOUR)}"
        with urlopen(f"{self.sandbox.duo_url}/sandbox/records?{span}") as response:
            shown = Counter(json.loads(line)["telephony_id"] for line in response)
        client = self.sandbox.s3.client()
        landed: Counter[str] = Counter()
        for hour in hours:
            prefix = f"duo-telephony/dt={hour:%Y-%m-%d}/hour={hour:%H}/"
            for one in client.list_objects_v2(Bucket=self.sandbox.bucket, Prefix=prefix).get("Contents", []):
                body = client.get_object(Bucket=self.sandbox.bucket, Key=one["Key"])["Body"].read()
                landed.update(json.loads(line)["telephony_id"] for line in body.splitlines())
        return shown.total(), (shown - landed).total(), (landed - shown).total()


@contextmanager
def outside(folder: Path, host: str) -> Iterator[Outside]:
    """Run both while the context lasts.

    Args:
        folder: A folder that the engine can mount.
        host: The address under which containers reach this machine.
    """
    (folder / "tls").mkdir()
    _certificates(folder / "tls", [DUO, f"{Sandbox(folder).bucket}.{S3}"])
    options = s3._options
    with pytest.MonkeyPatch.context() as patch:
        # requests name the bucket in the host, as for Amazon's own
        patch.setattr(s3, "_options", lambda ports: [*options(ports), f"-s3.domainName={S3}"])
        log = GeneratedLog(records_per_day=RECORDS_PER_DAY)
        with Sandbox(folder / "sandbox", log=log, knobs=SLOW) as sandbox:
            ports = {"duo": free_port(), "s3": free_port()}
            with _relay(folder, host, {ports["duo"]: sandbox.duo_url, ports["s3"]: sandbox.s3.url}):
                yield Outside(sandbox, folder / "tls", host, ports)


@contextmanager
def _relay(folder: Path, host: str, ways: dict[str, str]) -> Iterator[None]:
    """Pass on what comes to the ports of that address: the sandbox listens only on loopback."""
    sites = [f"http://:{port} {{\n\tbind {host}\n\treverse_proxy {url}\n}}\n" for port, url in ways.items()]
    (folder / "relay").write_text("{\n\tadmin off\n\tauto_https off\n}\n" + "".join(sites))
    with (folder / "relay.log").open("wb") as log:
        process = subprocess.Popen(
            [
                str(Path(sys.executable).with_name("caddy")),
                *("run", "--adapter", "caddyfile", "--config", str(folder / "relay")),
            ],
            env={"HOME": str(folder)},
            stdout=log,
            stderr=log,
        )
    try:
        assert until(lambda: (folder / "relay.log").read_text().count("server running") == len(ways), 30)
        yield
    finally:
        process.kill()
        process.wait()


def _certificates(folder: Path, names: list[str]) -> None:
    """Make a certificate authority, and a certificate of it for the names."""
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    usage = ("-addext", "keyUsage=critical,keyCertSign")
    _openssl(folder, *key, "-subj", "/CN=tests", *usage, "-keyout", "ca.key", "-out", "ca.crt")
    alternatives = ",".join(f"DNS:{name}" for name in names)
    _openssl(
        folder,
        *(*key, "-subj", "/CN=tests-leaf", "-keyout", "leaf.key", "-out", "leaf.crt"),
        *("-CA", "ca.crt", "-CAkey", "ca.key", "-addext", f"subjectAltName={alternatives}"),
        *("-addext", "basicConstraints=critical,CA:FALSE"),
    )
    for file in folder.iterdir():
        file.chmod(0o644)


def _openssl(folder: Path, *options: str) -> None:
    subprocess.run(["openssl", "req", "-x509", *options], cwd=folder, check=True, capture_output=True)
