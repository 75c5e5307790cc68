import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from duo_pipeline.sandbox import s3
from duo_pipeline.sandbox.s3 import READER, Identity, S3Server, mirror

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="works only on Linux")
READS = Identity("reads", "READS", "secret-of-reads", READER)
NOBODY = Identity("nobody", "NOBODY", "secret-of-nobody")


def server(folder: Path) -> S3Server:
    return S3Server(folder, access_key="ADMIN", secret_key="secret-of-admin", identities=(READS, NOBODY))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with server(tmp_path_factory.mktemp("s3")) as running:
        running.create_bucket("bucket")
        running.client().put_object(Bucket="bucket", Key="existing", Body=b"body")
        yield running


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    response = error.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def ends(pid: int) -> bool:
    """Return whether the process ends within ten seconds."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    return bool(select.select([process], [], [], 10)[0])


def test_a_second_put_with_if_none_match_is_refused(running: S3Server) -> None:
    client = running.client()
    client.put_object(Bucket="bucket", Key="once", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as error:
        client.put_object(Bucket="bucket", Key="once", Body=b"second", IfNoneMatch="*")
    assert refusal(error) == (412, "PreconditionFailed")
    assert client.get_object(Bucket="bucket", Key="once")["Body"].read() == b"first"


def test_objects_outlast_the_server(tmp_path: Path) -> None:
    with server(tmp_path) as first:
        first.create_bucket("bucket")
        first.client().put_object(Bucket="bucket", Key="a/b", Body=b"x" * 100_000)
    with server(tmp_path) as second:
        second.create_bucket("bucket")
        client = second.client()
        assert client.get_object(Bucket="bucket", Key="a/b")["Body"].read() == b"x" * 100_000
        with pytest.raises(ClientError):
            client.put_object(Bucket="bucket", Key="a/b", Body=b"", IfNoneMatch="*")


def test_an_identity_may_do_what_its_actions_say(running: S3Server) -> None:
    reads, nobody = running.client(READS), running.client(NOBODY)
    assert reads.get_object(Bucket="bucket", Key="existing")["Body"].read() == b"body"
    for forbidden in (
        lambda: reads.put_object(Bucket="bucket", Key="new", Body=b""),
        lambda: nobody.get_object(Bucket="bucket", Key="existing"),
        lambda: nobody.list_objects_v2(Bucket="bucket"),
    ):
        with pytest.raises(ClientError) as error:
            forbidden()
        assert refusal(error) == (403, "AccessDenied")


def test_a_stranger_is_refused(running: S3Server) -> None:
    with pytest.raises(ClientError) as error:
        running.client(Identity("stranger", "STRANGER", "secret")).list_buckets()
    assert refusal(error)[0] == 403


def test_writing_to_a_missing_bucket_does_not_create_it(running: S3Server) -> None:
    with pytest.raises(ClientError) as error:
        running.client().put_object(Bucket="no-such-bucket", Key="key", Body=b"")
    assert refusal(error) == (404, "NoSuchBucket")


@on_linux
def test_all_ports_are_on_loopback(running: S3Server) -> None:
    inodes = {
        str(link.readlink())[len("socket:[") : -1]
        for link in Path(f"/proc/{running.pid}/fd").iterdir()
        if str(link.readlink()).startswith("socket:")
    }
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()
    ]
    listening = {row[1].split(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes}
    assert listening == {"0100007F"}


def test_if_a_port_is_taken_meanwhile_other_ports_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free_ports = s3._free_ports
    with socket.create_server(("127.0.0.1", 0)) as taken:
        choices = iter([[taken.getsockname()[1], *free_ports(4)]])
        monkeypatch.setattr(s3, "_free_ports", lambda count: next(choices, None) or free_ports(count))
        with server(tmp_path) as running:
            assert running.client().list_buckets()["Buckets"] == []
        assert next(choices, None) is None


def test_a_server_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = [*s3._free_ports(4), taken.getsockname()[1]]
        monkeypatch.setattr(s3, "_free_ports", lambda count: ports[:count])
        with pytest.raises(RuntimeError, match=rf"did not start in .*port {ports[-1]} .* not available"):
            server(tmp_path).__enter__()


def test_the_server_ends_with_its_context(tmp_path: Path) -> None:
    with server(tmp_path) as running:
        pid = running.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@on_linux
def test_the_server_does_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys; from duo_pipeline.sandbox.s3 import S3Server\n"
        "with S3Server(pathlib.Path(sys.argv[1]), access_key='A', secret_key='S') as server:\n"
        "    sys.stdout.write(f'{server.pid}\\n'); sys.stdout.flush(); sys.stdin.read()\n"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", script, tmp_path], stdin=pipe, stdout=pipe) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        os.kill(pid, 0)
        parent.send_signal(signal.SIGKILL)
    assert ends(pid)


def test_a_mirror_has_the_objects_below_the_prefixes_as_files(running: S3Server, tmp_path: Path) -> None:
    client = running.client()
    for key in ("feed/dt=1/a.ndjson", "work/b.ndjson", "other/c"):
        client.put_object(Bucket="bucket", Key=key, Body=key.encode())
    (tmp_path / "mine").write_text("stays")
    mirror(client, "bucket", ["feed/", "work/"], tmp_path)
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"feed/dt=1/a.ndjson", "work/b.ndjson", "mine"}
    assert (tmp_path / "work/b.ndjson").read_text() == "work/b.ndjson"
