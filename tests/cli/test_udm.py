"""`duo-pipeline udm`, as a person runs it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from duo_pipeline import ndjson
from duo_pipeline.cli.main import main
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.udm import to_udm
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
    assert "cannot be read (No such file or directory): check its name." in result.stderr


@pytest.mark.usefixtures("settings")
def test_an_object_that_is_not_there_is_a_sentence(bucket: Bucket) -> None:
    result = udm(f"s3://{bucket.name}/none.json")
    assert result.exit_code == 2
    assert "S3 did not read" in result.stderr
    assert "NoSuchKey" in result.stderr
