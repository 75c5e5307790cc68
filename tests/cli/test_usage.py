"""`duo-pipeline usage`, as a person runs it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from duo_pipeline.cli import main
from duo_pipeline.defs.usage_days import UsageDays
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.landing.feed import Feed
from tests.records import Sent, sent
from tests.usage.days import DAY, at, usage


@pytest.fixture
def stored(settings: pytest.MonkeyPatch, bucket: Bucket, tmp_path: Path) -> UsageDays:
    """Two days of usage, the second with a finding and without its last hours."""
    settings.chdir(tmp_path)
    days = UsageDays(Feed(bucket, "duo-telephony/", "duo-telephony-work/", "secops"))
    before = DAY - timedelta(days=1)
    days.write(usage([sent(at(9, 0, before), phone="+442079460123", credits=7)], day=before))
    prompts: list[Sent] = [sent(at(3, number)) for number in range(9)]
    odd = sent(at(4), context="call 0176/48675309\n| b |", credits=0)
    days.write(usage([*prompts, odd], hours=range(20)))
    return days


def run(*options: str) -> Result:
    return CliRunner().invoke(main, ["usage", *options])


def report(*options: str) -> Any:
    result = run("--json", *options)
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


@pytest.mark.usefixtures("stored")
def test_totals_and_findings_of_some_days_are_shown() -> None:
    result = run("--from", "2026-11-21", "--to", "2026-11-23")
    assert result.exit_code == 0
    for said in (
        "duo, 2026-11-21 to 2026-11-23 (UTC): 11 records, 16 credits",
        "✗ 2026-11-23 repeated_prompts: 9 calls and texts went to +1••••••••23 within 10 minutes",
        "2026-11-23: 4 hours are missing.",
        "1 of the days have no usage yet, the first is 2026-11-21: materialize duo/telephony_usage for them.",
        "Credits left: not known: Duo has not been asked yet",
        "11-23    █                ···· ◀",
    ):
        assert said in result.output
    assert "3125550123" not in result.output
    assert "48675309" not in result.output


@pytest.mark.usefixtures("stored")
def test_the_same_is_there_as_json() -> None:
    said = report("--from", "2026-11-22", "--to", "2026-11-23")
    assert (said["records"], said["credits"]) == (11, 16)
    assert said["by_country"] == [
        {"country": "US", "records": 10, "credits": 9},
        {"country": "GB", "records": 1, "credits": 7},
    ]
    (finding,) = said["findings"]
    assert (finding["day"], finding["rule"], len(finding["telephony_ids"])) == (
        "2026-11-23",
        "repeated_prompts",
        9,
    )
    assert said["missing_hours"] == {"2026-11-23": [20, 21, 22, 23]}
    assert "spike" in said["rules_off"]


def test_the_credits_that_are_left_last_until_a_day(stored: UsageDays) -> None:
    stored.write_credits({"asked": "2026-11-24", "remaining": 100})
    left = report("--from", "2026-11-22", "--to", "2026-11-23")["credits_left"]
    assert left == {"asked": "2026-11-24", "remaining": 100, "a_day": 8.7, "until": "2026-12-05"}
    assert (
        "Credits left on 2026-11-24: 100, until 2026-12-05."
        in run("--from", "2026-11-22", "--to", "2026-11-23").output
    )


@pytest.mark.usefixtures("stored")
def test_days_up_to_today_are_shown_by_default() -> None:
    today = datetime.now(UTC).date()
    said = report("--days", "3")
    assert (said["from"], said["to"]) == (str(today - timedelta(days=2)), str(today))


@pytest.mark.parametrize(
    "options",
    [
        ("--from", "2026-11-22"),
        ("--days", "2", "--from", "2026-11-22", "--to", "2026-11-23"),
        ("--from", "2026-11-23", "--to", "2026-11-22"),
    ],
)
def test_days_that_make_no_sense_are_refused(options: tuple[str, ...]) -> None:
    assert run(*options).exit_code == 2


def test_a_setting_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run()
    assert result.exit_code == 1
    assert "S3_BUCKET is not set" in result.output
