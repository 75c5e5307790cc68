"""Tests of the receipts in Dagster: what is recorded of each hour, and what is not."""

import json
from datetime import timedelta

from duo_pipeline.defs.partitions import key_of
from duo_pipeline.landing import keys
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.sandbox.log import FixedLog
from duo_pipeline.sandbox.secops.knobs import Knobs
from tests.defs.assets.dagster_run import failure_of
from tests.defs.secops.conftest import EVENTS, SecOpsRun, ranges
from tests.records import settled_hour, spread


def test_each_hour_has_its_receipt(secops: SecOpsRun) -> None:
    hours = secops.land(3, records=21)
    result = secops.run(hours)
    assert result.success
    assert secops.checks(result) == dict.fromkeys(ranges(hours), True)
    (said,) = secops.said(hours[1])
    assert said == {
        "lines": 7,
        "events": 7,
        "records": 7,
        "newest": said["newest"],
        "median_lag_minutes": said["median_lag_minutes"],
        "refused": None,
        "status": "received",
        "receipt": "SecOps has 7 of 7 events, each once.",
        "differences": None,
    }
    assert len(secops.api.requests) == 1


def test_a_red_hour_lists_what_is_missing_below_the_work_prefix(secops: SecOpsRun, bucket: Bucket) -> None:
    secops.api.knobs = Knobs(doubled=(keys.hour_folder(settled_hour(2)),))
    hours = secops.land(3, records=21)
    (key,) = bucket.keys("duo-telephony/" + keys.hour_folder(hours[1]))
    result = secops.run(hours)
    assert result.success
    assert secops.checks(result) == {**dict.fromkeys(ranges(hours), True), key_of(hours[1]): False}
    (said,) = secops.said(hours[1])
    assert (said["status"], said["events"], said["records"]) == ("doubled", 14, 7)
    name = keys.differences_key("duo-telephony-work/", hours[1])
    assert said["differences"] == bucket.uri(name)
    lines = [json.loads(line) for line in bucket.lines(name)]
    assert len(lines) == 7
    assert {(one["object"], one["lines"], one["events"]) for one in lines} == {(bucket.uri(key), 1, 2)}


def test_when_the_cause_is_gone_the_hour_turns_green_and_its_list_is_empty(
    secops: SecOpsRun, bucket: Bucket
) -> None:
    hour = settled_hour()
    secops.land(1, records=5)
    (first,) = bucket.keys("duo-telephony/" + keys.hour_folder(hour))
    assert secops.api.events()
    secops.duo.api.log = FixedLog(spread(hour, 3))  # shown late: they land in a second object
    secops.api.knobs = Knobs(skipped=("telephony-",))
    assert secops.dagster.run(hour, only=[secops.dagster.ndjson]).success
    assert secops.checks(secops.run([hour])) == {key_of(hour): False}
    name = keys.differences_key("duo-telephony-work/", hour)
    lines = [json.loads(line) for line in bucket.lines(name)]
    assert [(one["lines"], one["events"]) for one in lines] == [(1, 0)] * 3
    assert first not in {one["object"] for one in lines}
    secops.api.knobs = Knobs()
    secops.later += timedelta(hours=4)
    assert secops.checks(secops.run([hour])) == {key_of(hour): True}
    assert list(bucket.lines(name)) == []
    assert secops.said(hour)[0]["differences"] is None


def test_an_hour_that_cannot_be_judged_yet_is_not_recorded(secops: SecOpsRun) -> None:
    secops.later = timedelta(minutes=30)
    hours = secops.land(2)
    result = secops.run(hours)
    assert result.success
    assert secops.checks(result) == {}
    assert secops.dagster.done(EVENTS) == set()
    assert "Not yet: " in secops.dagster.everything_stored(result)


def test_an_hour_that_has_not_landed_has_no_receipt(secops: SecOpsRun) -> None:
    hours = secops.land(2)
    result = secops.run([settled_hour(4), *hours])
    assert result.success
    assert secops.dagster.done(EVENTS) == set(ranges(hours))


def test_an_hour_without_records_is_received(secops: SecOpsRun) -> None:
    hours = secops.land(1, records=0)
    result = secops.run(hours)
    assert secops.checks(result) == {key_of(hours[0]): True}


def test_if_secops_cannot_be_reached_landing_goes_on_and_the_receipt_says_why(secops: SecOpsRun) -> None:
    secops.settings.setenv("SECOPS_API_ENDPOINT", "http://127.0.0.1:9")
    hours = secops.land(2)
    assert secops.dagster.done() == set(ranges(hours))
    secops.settings.setattr("duo_pipeline.secops.api.FIRST_WAIT_SECONDS", 0)
    result = secops.run(hours)
    assert failure_of(result) == (
        "SecOps did not answer a statistical query: 127.0.0.1:9 cannot be reached (ConnectionRefusedError)"
        " (tried 4 times): try again later."
    )
    assert secops.dagster.done(EVENTS) == set()


def test_settings_that_are_missing_are_named_in_one_sentence(secops: SecOpsRun) -> None:
    hours = secops.land(1)
    secops.settings.delenv("SECOPS_LOCATION")
    secops.settings.setenv("SECOPS_API_ENDPOINT", "http://example.com")
    assert failure_of(secops.run(hours)) == (
        "SECOPS_LOCATION is not set: set it in the environment or in .env; SECOPS_API_ENDPOINT must not be"
        " plain http:// (allowed only for loopback addresses)."
    )


def test_without_the_host_of_duo_its_variable_is_named(secops: SecOpsRun) -> None:
    hours = secops.land(1)
    secops.settings.setenv("DUO_API_HOST", "")
    assert failure_of(secops.run(hours)) == ("DUO_API_HOST is not set: set it in the environment or in .env.")


def test_lines_as_duo_sends_them_have_a_receipt_that_claims_nothing(secops: SecOpsRun) -> None:
    secops.settings.setenv("DUO_RECORD_FORMAT", "verbatim")
    hours = secops.land(1)
    result = secops.run(hours)
    assert secops.checks(result) == {}
    (said,) = secops.said(hours[0])
    assert said["status"] == "not countable"
    assert "set DUO_RECORD_FORMAT=secops" in said["receipt"]


def test_no_phone_number_and_no_secret_reaches_dagster(secops: SecOpsRun) -> None:
    hours = secops.land(2)
    secops.api.knobs = Knobs(feed="failed")
    stored = secops.dagster.everything_stored(secops.run(hours))
    assert "3125550123" not in stored
    assert "SandboxSecret" not in stored
