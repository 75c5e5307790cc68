"""`duo/telephony_usage`, run by Dagster: what it writes, says and asks."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from duo_pipeline.config.account import DEFAULT_ACCOUNT
from duo_pipeline.config.settings import UsageSettings
from duo_pipeline.defs.assets.telephony_usage import telephony_usage
from duo_pipeline.defs.checks.evaluations import HOURS, NO_ABUSE
from duo_pipeline.defs.days import daily, hours_of, key_of_day
from duo_pipeline.defs.resources import resources_of
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.sandbox.admin_api import AdminApi as EmulatedDuo
from duo_pipeline.sandbox.knobs import Knobs
from tests.conftest import ServedDuo
from tests.defs.assets.dagster_run import DagsterRun, failure_of
from tests.records import Sent, sent, settled_hour

KEY = dg.AssetKey(["duo", "telephony_usage"])
TODAY = settled_hour(0).date()
DAY = TODAY - timedelta(days=1)
ROOT = "duo-telephony-work/usage/"


@dataclass
class UsageRun:
    """Lands hours, makes the usage of days, and reads both."""

    dagster: DagsterRun
    duo: EmulatedDuo
    bucket: Bucket
    now: datetime = field(default_factory=lambda: hours_of(TODAY)[0] + timedelta(minutes=30))

    def __post_init__(self) -> None:
        self.usage = telephony_usage(
            DEFAULT_ACCOUNT,
            self.dagster.ndjson,
            daily(self.dagster.start),
            UsageSettings(),
            lambda: self.now,
        )

    def land(self, first: datetime, last: datetime | None = None) -> None:
        assert self.dagster.run(first, last, only=[self.dagster.ndjson]).success

    def make(self, first: date, last: date | None = None) -> dg.ExecuteInProcessResult:
        tags = {
            "dagster/asset_partition_range_start": key_of_day(first),
            "dagster/asset_partition_range_end": key_of_day(last or first),
        }
        return dg.materialize(
            [self.usage],
            resources=resources_of(DEFAULT_ACCOUNT),
            instance=self.dagster.instance,
            partition_key=None if last else key_of_day(first),
            tags=tags if last else {},
            raise_on_error=False,
        )

    def metadata(self, day: date = DAY) -> dict[str, Any]:
        """Return the metadata of the day's latest materialization."""
        records = self.dagster.instance.fetch_materializations(
            dg.AssetRecordsFilter(KEY, asset_partitions=[key_of_day(day)]), limit=1
        ).records
        found = records[0].asset_materialization
        assert found
        return {name: value.value for name, value in found.metadata.items()}

    def lines(self, name: str, day: date = DAY) -> list[dict[str, Any]]:
        key = f"{ROOT}dt={key_of_day(day)}/{name}.ndjson"
        return [json.loads(line) for line in self.bucket.lines(key)]

    def asked(self) -> int:
        """Return how often Duo was asked for the credits that are left."""
        return sum(request.path == "/admin/v1/info/summary" for request in self.duo.requests)


@pytest.fixture
def run(dagster: DagsterRun, duo: ServedDuo, bucket: Bucket) -> UsageRun:
    return UsageRun(dagster, duo.api, bucket)


def evaluations(result: dg.ExecuteInProcessResult) -> Sequence[dg.AssetCheckEvaluation]:
    return [one for one in result.get_asset_check_evaluations() if one.check_name == NO_ABUSE]


def prompts(day: date, hour: int = 3, count: int = 9) -> list[Sent]:
    return [sent(hours_of(day)[hour] + timedelta(minutes=number)) for number in range(count)]


def having(run: UsageRun, *records: Sent) -> None:
    from duo_pipeline.sandbox.log import FixedLog

    run.duo.log = FixedLog(records)


def test_a_day_has_its_usage_in_s3_and_a_table_and_a_chart_in_dagster(run: UsageRun) -> None:
    hours = hours_of(DAY)
    having(run, sent(hours[3], credits=2), sent(hours[4], phone="+442079460123", type="phone", credits=3))
    run.land(hours[0], hours[-1])
    result = run.make(DAY)
    assert result.success
    assert [(row["hour"], row["country"], row["credits"]) for row in run.lines("usage")] == [
        (f"{DAY}T03:00:00Z", "US", 2),
        (f"{DAY}T04:00:00Z", "GB", 3),
    ]
    assert run.lines("findings") == []
    said = run.metadata()
    assert (said["records"], said["credits"], said["missing_hours"]) == (2, 5, "none")
    assert said["by_country"] == "|country|records|credits|\n|---|---|---|\n|GB|1|3|\n|US|1|2|"
    assert f"{DAY:%m-%d}    ▅█                    ◀" in said["credits_by_hour"]
    assert len(said["credits_by_hour"]) < 1000, "the UI would show it only behind a link"
    (evaluation,) = evaluations(result)
    assert evaluation.passed
    assert evaluation.description == (
        f"{DAY}: Nothing in the 24 hours that have landed looks like abuse. These rules are off:"
        " number_range, new_country, spike, enrollment_burst."
    )


def test_an_attack_turns_the_check_red_and_no_number_reaches_dagster(run: UsageRun) -> None:
    having(run, *prompts(DAY))
    run.land(hours_of(DAY)[0], hours_of(DAY)[-1])
    result = run.make(DAY)
    (evaluation,) = evaluations(result)
    assert not evaluation.passed
    assert evaluation.severity is dg.AssetCheckSeverity.WARN
    assert (evaluation.description or "").startswith(
        f"{DAY}: repeated_prompts: 9 calls and texts went to +1••••••••23 within 10 minutes"
    )
    assert evaluation.metadata[HOURS].value == [[f"{DAY}-00:00", f"{DAY}-23:00"]]
    (finding,) = run.lines("findings")
    assert len(finding["telephony_ids"]) == 9
    assert "3125550123" not in run.dagster.everything_stored(result) + json.dumps(finding)


def test_a_day_with_missing_hours_says_so_and_is_right_when_they_have_landed(run: UsageRun) -> None:
    hours = hours_of(DAY)
    having(run, sent(hours[3]), sent(hours[9]))
    run.land(hours[0], hours[7])
    run.land(hours[10], hours[-1])
    result = run.make(DAY)
    assert (run.metadata()["records"], run.metadata()["missing_hours"]) == (1, "08:00 to 09:00")
    assert "22 hours that have landed looks like abuse. 2 hours are missing." in str(
        evaluations(result)[0].description
    )
    run.land(hours[8], hours[9])
    run.make(DAY)
    assert (run.metadata()["records"], run.metadata()["missing_hours"]) == (2, "none")


def test_late_records_and_an_hour_landed_again_count_once(run: UsageRun) -> None:
    hours = hours_of(DAY)
    early, late = sent(hours[3]), sent(hours[3] + timedelta(minutes=5), credits=3)
    having(run, early)
    run.land(hours[0], hours[-1])
    run.make(DAY)
    having(run, early, late)
    run.land(hours[3])
    run.land(hours[3])
    run.make(DAY)
    assert (run.metadata()["records"], run.metadata()["credits"]) == (2, 4)
    assert [row["calls"] for row in run.lines("usage")] == [2]


def test_a_day_that_is_not_over_has_usage_of_its_hours_so_far(run: UsageRun) -> None:
    first = hours_of(DAY)[0]
    having(run, sent(first))
    run.now = first + timedelta(hours=2, minutes=30)
    run.land(first, first + timedelta(hours=1))
    assert run.make(DAY).success
    assert (run.metadata()["records"], run.metadata()["missing_hours"]) == (1, "02:00 to 23:00")


def test_a_range_of_days_is_one_run_and_each_day_knows_those_before(run: UsageRun) -> None:
    days = [DAY - timedelta(days=back) for back in range(8, -1, -1)]
    ranges = [sent(hours_of(DAY)[2], phone=f"+1313555{number:04}") for number in range(12)]
    having(run, *(sent(hours_of(day)[3], credits=2) for day in days), *ranges)
    run.land(hours_of(days[0])[0], hours_of(DAY)[-1])
    result = run.make(days[0], DAY)
    assert result.success
    by_day = {one.partition: one for one in evaluations(result)}
    assert [day for day, one in by_day.items() if not one.passed] == [key_of_day(DAY), None]
    assert "number_range" in str(by_day[key_of_day(DAY)].description)
    assert run.metadata(days[0])["credits"] == 2
    assert "number_range" in run.metadata(days[0])["rules_off"]


def test_duo_is_asked_once_a_day_how_many_credits_are_left(run: UsageRun) -> None:
    having(run, *(sent(hours_of(DAY)[3] + timedelta(minutes=n), credits=5) for n in (1, 30)))
    run.land(hours_of(DAY)[0], hours_of(DAY)[-1])
    run.make(DAY)
    run.make(DAY)
    assert run.asked() == 1
    until = TODAY + timedelta(days=2500)
    assert run.metadata()["credits_left"] == f"25,000 credits are left: at 10 a day they last until {until}"
    run.now += timedelta(days=1)
    run.make(TODAY)
    assert run.asked() == 2


def test_credits_that_do_not_last_are_a_finding(run: UsageRun) -> None:
    having(run, *(sent(hours_of(DAY)[n], credits=5000) for n in range(3)))
    run.land(hours_of(DAY)[0], hours_of(DAY)[-1])
    (evaluation,) = evaluations(run.make(DAY))
    assert "credits_low: 25,000 credits are left, which last 1 day at the pace of the last week" in str(
        evaluation.description
    )


def test_without_the_right_the_rule_says_that_it_is_off(run: UsageRun) -> None:
    run.duo.knobs = replace(Knobs(), grant_read_information=False)
    run.land(hours_of(DAY)[0], hours_of(DAY)[-1])
    assert run.make(DAY).success
    run.make(DAY)
    assert run.asked() == 1
    sentence = "the Admin API application lacks the permission 'Grant read information'"
    assert sentence in run.metadata()["credits_left"]
    assert f"`credits_low` is off: {sentence}" in run.metadata()["rules_off"]


def test_a_run_without_a_bucket_fails_with_a_sentence(run: UsageRun, settings: pytest.MonkeyPatch) -> None:
    settings.delenv("S3_BUCKET")
    assert "S3_BUCKET is not set" in failure_of(run.make(DAY))
