"""`duo-pipeline udm`, as a person runs it."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from duo_pipeline import ndjson
from duo_pipeline.cli.main import main
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.udm import to_udm
from tests.adoption.lambda_files import leave
from tests.landing.test_bucket import body_of
from tests.udm.test_lines import SECOPS, SENT


def udm(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["udm", *arguments], input=stdin, env={"COLUMNS": "200"})


def test_the_events_of_a_file_are_printed(tmp_path: Path) -> None:
    file = tmp_path / "lines.ndjson"
    file.write_bytes(ndjson.line(SECOPS) + ndjson.line({**SECOPS, "type": "phone"}))
    result = udm(str(file))
    assert result.exit_code == 0, result.output
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert events == [to_udm(SECOPS), to_udm({**SECOPS, "type": "phone"})]
    assert "2 lines, 2 events, 0 violations, 0 warnings" in result.stderr


def test_google_vectors_from_stdin_become_googles_events(google_vectors: Path) -> None:
    raw = json.loads((google_vectors / "google_raw_logs.json").read_text())["raw_logs"]["entries"]
    expected = json.loads((google_vectors / "google_expected_events.json").read_text())["events"]
    result = udm("-", stdin="\r\n".join(entry["data"] for entry in raw).encode())
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert events == [event["event"]["idm"]["readOnlyUdm"] for event in expected]


@pytest.mark.usefixtures("settings")
def test_what_the_guides_function_left_is_read_from_the_bucket_and_its_losses_named(bucket: Bucket) -> None:
    bucket.put("duo-telephony/telephony_1.json", body_of(ndjson.line(SENT)))
    bucket.put("duo-telephony/telephony_2.json", body_of(ndjson.line(SENT), b"not json\n"))
    one = udm("--findings", f"s3://{bucket.name}/duo-telephony/telephony_1.json")
    assert one.exit_code == 1
    assert "credits lost: the parser drops a number" in one.stdout
    assert "1 lines, 1 events, 3 violations" in one.stderr
    both = udm("--findings", f"s3://{bucket.name}/duo-telephony/")
    assert "3 lines, 2 events, 7 violations" in both.stderr
    assert f"s3://{bucket.name}/duo-telephony/telephony_2.json:2" in both.stdout


def test_the_tables_show_no_phone_number(tmp_path: Path) -> None:
    file = tmp_path / "lines.ndjson"
    phone = "+12125550177"
    file.write_bytes(ndjson.line({**SECOPS, "context": f"to {phone}", "telephony_id": phone, "carrier": 1}))
    result = udm("--findings", str(file))
    assert result.exit_code == 0
    assert "unknown value" in result.stdout
    assert phone[1:] not in result.output


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    result = udm(str(tmp_path / "none.ndjson"))
    assert result.exit_code == 2
    assert "cannot be read (No such file or directory): check its name, and" in result.stderr


@pytest.mark.usefixtures("settings")
def test_an_object_that_is_not_there_is_a_sentence(bucket: Bucket) -> None:
    result = udm(f"s3://{bucket.name}/none.json")
    assert result.exit_code == 2
    assert "S3 did not read" in result.stderr
    assert "NoSuchKey" in result.stderr


LINE = ndjson.line(SECOPS)


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize(
    "name", ["a#b.json", "a?b=c.json", "a%20b.json", "a b+c.json", "/a.json", "ü\u202e.json"]
)
def test_a_key_is_not_a_url(bucket: Bucket, name: str) -> None:
    key = leave(bucket, name, LINE)
    leave(bucket, "a", LINE * 2)  # what is left of some keys if they are read as URLs
    result = udm(f"s3://{bucket.name}/{key}")
    assert result.exit_code == 0, result.output
    assert "1 lines, 1 events" in result.stderr


@pytest.mark.usefixtures("settings")
def test_a_prefix_without_objects_is_an_error(bucket: Bucket) -> None:
    for marker in ("", "duo-telephony/", "duo-telephony/old/"):
        if marker:
            leave(bucket, marker, b"", prefix="")
        result = udm(f"s3://{bucket.name}/duo-telephony/")
        assert result.exit_code == 2
        assert result.stderr == (
            f"Error: There is no object below s3://{bucket.name}/duo-telephony/: check the name of the bucket"
            " and the prefix.\n"
        )


@pytest.mark.usefixtures("settings")
def test_the_names_of_foreign_objects_are_shown_without_their_numbers(bucket: Bucket) -> None:
    leave(bucket, "+13125550123\x1b[31m.json", b"no json\n")
    result = udm("--findings", f"s3://{bucket.name}/duo-telephony/")
    assert "/duo-telephony/••••:1" in result.stdout
    assert "\x1b" not in result.output
    assert "3125550123" not in result.output


@pytest.mark.usefixtures("settings")
def test_gzip_is_read_as_secops_reads_it(bucket: Bucket, tmp_path: Path) -> None:
    packed = gzip.compress(LINE) + gzip.compress(LINE)
    (tmp_path / "lines.json.gz").write_bytes(packed)
    key = leave(bucket, "telephony_1.json.gz", packed)
    expected = [to_udm(SECOPS)] * 2
    for source in (
        f"s3://{bucket.name}/{key}",
        f"s3://{bucket.name}/duo-telephony/",
        tmp_path / "lines.json.gz",
    ):
        result = udm(str(source))
        assert [json.loads(line) for line in result.stdout.splitlines()] == expected
        assert result.exit_code == 0
    assert "2 lines, 2 events, 0 violations" in udm("-", stdin=packed).stderr


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.gz", gzip.compress(LINE)[:-9], "a.gz cannot be unpacked to its end: it is cut off.\n"),
        ("a.gz", LINE, "a.gz cannot be unpacked to its end: it is not gzip, or is damaged.\n"),
    ],
)
def test_gzip_that_cannot_be_unpacked_is_a_sentence(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    result = udm(str(tmp_path / name))
    assert result.exit_code == 2
    assert result.stderr == f"Error: {tmp_path}/{said}"


@pytest.mark.parametrize(
    ("encoding", "counted"),
    [
        ("utf-16", "0 events, 4 violations"),
        ("utf-16-le", "0 events, 4 violations"),
        ("utf-16-be", "0 events, 3 violations"),
        ("utf-32", "0 events, 4 violations"),
        ("utf-8-sig", "3 events, 0 violations, 1 warnings"),
    ],
)
def test_only_utf_8_has_events(encoding: str, counted: str) -> None:
    result = udm("-", stdin=(LINE.decode() * 3).encode(encoding))
    assert counted in result.stderr


def test_the_reader_of_the_events_may_stop_early(tmp_path: Path) -> None:
    file = tmp_path / "many.ndjson"
    file.write_bytes(LINE * 3_000)
    program = Path(sys.executable).parent / "duo-pipeline"
    done = subprocess.run(
        ["bash", "-c", f"{program} udm {file} | head -1"], capture_output=True, timeout=120, check=True
    )
    assert done.stderr == b""
