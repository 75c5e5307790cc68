"""`duo-pipeline adopt`: from the Lambda to the pipeline without a gap and without doubles."""

import gzip
import json
import random
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from duo_pipeline.cli import main
from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs.partitions import key_of, last_settled
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.landing.line import as_sent, fingerprint
from duo_pipeline.masking import shown_key
from duo_pipeline.sandbox.log import FixedLog
from tests.adoption.lambda_files import WAYS, leave, leave_hourly, lines, untouched
from tests.conftest import ServedDuo
from tests.defs.assets.dagster_run import DagsterRun
from tests.defs.conftest import dagster as dagster
from tests.landing.temporary_files import NO_FOLDER, without_folder
from tests.records import Sent, settled_hour, spread

HOUR = timedelta(hours=1)
HOURS = 24


def adopt() -> Result:
    return CliRunner().invoke(main, ["adopt"])


def landed(bucket: Bucket) -> list[Sent]:
    """Return the lines of the pipeline's own objects."""
    return [json.loads(line) for key in bucket.keys("duo-telephony/dt=") for line in bucket.lines(key)]


@pytest.mark.parametrize("record_format", ["secops", "verbatim"])
def test_after_adopting_a_day_a_backfill_lands_exactly_what_the_lambda_lost(
    settings: pytest.MonkeyPatch, bucket: Bucket, duo: ServedDuo, dagster: DagsterRun, record_format: str
) -> None:
    settings.setenv("DUO_RECORD_FORMAT", record_format)
    first = settled_hour(HOURS)
    rng = random.Random(5)
    shown = spread(first, 240, hours=HOURS)
    lost = rng.sample(shown, 36)
    kept: list[Sent] = [rng.choice(WAYS)(record) for record in shown if record not in lost]
    left = leave_hourly(bucket, kept, first, HOURS)
    left.append(leave(bucket, "telephony_again.json", lines(kept[100:140])))
    before = untouched(bucket, left)
    done = adopt()
    assert done.exit_code == 0, done.output
    assert untouched(bucket, left) == before
    assert bucket.keys("duo-telephony/") == sorted(left)
    duo.api.log = FixedLog(shown)
    last = first + (HOURS - 1) * HOUR
    assert dagster.run(first, last).success
    assert Counter(fingerprint(as_sent(line)) for line in landed(bucket)) == Counter(map(fingerprint, lost))
    assert untouched(bucket, left) == before
    figures = [dagster.events(first + number * HOUR)[0] for number in range(HOURS)]
    assert sum(one["records"] for one in figures) == 240
    assert sum(one["new_records"] for one in figures) == 36
    assert sum(one["late_records"] for one in figures) == 0
    assert {uri for one in figures for uri in one["objects"]} == {
        bucket.uri(key) for key in bucket.keys("duo-telephony/dt=")
    }
    assert adopt().exit_code == 0
    assert dagster.run(first, last).success
    assert len(landed(bucket)) == 36


@pytest.mark.usefixtures("settings")
def test_it_says_what_was_there_what_is_unreadable_and_what_to_do_next(bucket: Bucket) -> None:
    first = settled_hour(3)
    leave_hourly(bucket, spread(first, 30, hours=3), first, 3)
    broken = leave(bucket, "telephony_[red]broken.json", b'{"ts": "2026')
    said = adopt().output
    span = f"{key_of(first)}...{key_of(first + 2 * HOUR)}"
    figures = dict(re.findall(r"│ (.*?) +│ (.*?) +│", said))
    assert figures["objects of the Lambda"] == "4"
    assert figures["records, counted once per object"] == "30"
    assert figures["unreadable"] == "1"
    assert figures["hours with records"] == f"3, {span}"
    assert figures["copies below S3_WORK_PREFIX"] == "3 (3 new)"
    assert f"{bucket.uri(shown_key(broken))}:1 is skipped: it is not a JSON object." in said
    state = bucket.uri("duo-telephony/state.json")
    assert (
        f"{state} is the Lambda's checkpoint, and its time is {first + 3 * HOUR:%Y-%m-%dT%H}:00:00Z" in said
    )
    assert f"--partition-range {span}" in said
    assert "3 (0 new)" in adopt().output


def test_hours_that_cannot_be_read_are_not_proposed(settings: pytest.MonkeyPatch, bucket: Bucket) -> None:
    first = settled_hour(3)
    settings.setenv("DUO_PARTITIONS_START", key_of(first))
    ancient, running = settled_hour(24 * 181), settled_hour(-1)
    records = [record for hour in (ancient, first, running) for record in spread(hour, 2)]
    leave(bucket, "telephony_1.json", lines(records))
    (last,) = last_settled(HourSettings(first, 5, 1, 1, 0), datetime.now(UTC), 1)
    assert f"--partition-range {key_of(first)}...{key_of(last)}\n" in adopt().output


@pytest.mark.usefixtures("settings")
def test_without_anything_of_a_lambda_it_says_so(bucket: Bucket) -> None:
    done = adopt()
    assert done.exit_code == 0
    assert (
        f"There is no object of a Lambda (telephony_*.json, .json.gz) below {bucket.uri('duo-telephony/')}"
        in done.output
    )


def test_missing_settings_are_a_sentence() -> None:
    done = adopt()
    assert done.exit_code == 1
    assert done.output == "Error: S3_BUCKET is not set: set it in the environment or in .env.\n"


def test_a_bucket_that_is_not_there_is_a_sentence(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("S3_BUCKET", "no-such-bucket")
    done = adopt()
    assert done.exit_code == 1
    assert "there is no such bucket: check S3_BUCKET" in done.output


def test_the_settings_may_stand_in_an_env_file(
    settings: pytest.MonkeyPatch, bucket: Bucket, tmp_path: Path
) -> None:
    settings.setenv("S3_BUCKET", "another")
    settings.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"S3_BUCKET={bucket.name}\n")
    assert "There is no object of a Lambda" in adopt().output


def test_without_room_for_temporary_files_nothing_is_adopted_and_a_sentence_says_why(
    settings: pytest.MonkeyPatch, bucket: Bucket
) -> None:
    leave(bucket, "telephony_20261123_050003.json", lines(spread(settled_hour(), 3)))
    with settings.context() as patch:
        without_folder(patch)
        done = adopt()
    assert done.exit_code == 1
    assert f"Error: {NO_FOLDER}" in done.output
    assert bucket.keys("duo-telephony-work/adopted/") == []
    assert adopt().exit_code == 0
    assert len(bucket.keys("duo-telephony-work/adopted/")) == 1


def test_what_the_lambda_packed_counts_as_delivered(
    bucket: Bucket, duo: ServedDuo, dagster: DagsterRun
) -> None:
    hour = settled_hour()
    shown = spread(hour, 10)
    duo.api.log = FixedLog(shown)
    noise = random.Random(1).randbytes(90_000).hex().encode()
    for name, body in {
        "telephony_1.json.gz": gzip.compress(lines(shown[:2])),
        "telephony_2.json.gz": gzip.compress(lines(shown[2:3]) + b"\n") + gzip.compress(lines(shown[3:4])),
        "telephony_3.json.gz": gzip.compress(lines(shown[4:6]) + b"\n" + noise)[:60_000],
        "telephony_4.jsonl": lines(shown[6:7]),
        "telephony_5.json.gz": gzip.compress(json.dumps({"items": shown[7:8]}, indent=1).encode()),
        "telephony_6.json": gzip.compress(lines(shown[8:9])),  # SecOps does not unpack it
        "telephony_7.json.zst": b"\x28\xb5\x2f\xfd",
        "telephony_8.json.zip": b"PK\x03\x04",
        "telephony_+13125550123.JSON.GZ": b"",
    }.items():
        leave(bucket, name, body)
    done = adopt()
    where = f"s3://{bucket.name}/duo-telephony"
    assert done.exit_code == 0, done.output
    for said in (
        f"✗ {where}/telephony_3.json.gz is skipped: it is cut off (what came before it counts).\n",
        f"✗ {where}/telephony_6.json is skipped: it is gzip, but SecOps unpacks only what ends in .gz",
        "! ••••, telephony_7.json.zst, telephony_8.json.zip: named like the Lambda's, but neither JSON nor",
    ):
        assert said in done.output
    assert "3125550123" not in done.output
    assert dagster.run(hour).success
    assert [one["telephony_id"] for one in landed(bucket)] == [one["telephony_id"] for one in shown[8:]]


@pytest.mark.usefixtures("settings")
def test_a_file_in_utf_16_counts_as_not_delivered(bucket: Bucket) -> None:
    leave(bucket, "telephony_1.json", lines(spread(settled_hour(), 3)).decode().encode("utf-16"))
    done = adopt()
    assert re.search(r"unreadable\s+│ 3 ", done.output), done.output
    assert "✓" not in done.output
