"""Hours landed by Dagster, from an emulated Duo into a real S3 server."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from duo_pipeline.defs import partition_status
from duo_pipeline.defs.partitions import key_of
from duo_pipeline.duo.telephony_log import TelephonyLog
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.sandbox.knobs import Fault, Knobs
from duo_pipeline.sandbox.log import FixedLog
from duo_pipeline.sandbox.s3 import S3Server
from tests.conftest import NO_RIGHTS, READ_ONLY, ServedDuo
from tests.defs.assets.dagster_run import UDM, DagsterRun, failure_of
from tests.landing.temporary_files import NO_FOLDER, without_folder
from tests.records import IKEY, SKEY, Sent, sent, settled_hour, spread

HOUR = timedelta(hours=1)


def feed_ids(bucket: Bucket) -> list[str]:
    keys = bucket.keys("duo-telephony/")
    return [json.loads(line)["telephony_id"] for key in keys for line in bucket.lines(key)]


def ids(records: list[Sent]) -> list[str]:
    return [record["telephony_id"] for record in records]


def test_an_hour_lands_and_its_event_carries_its_metadata(
    dagster: DagsterRun, duo: ServedDuo, bucket: Bucket
) -> None:
    hour = settled_hour()
    first, second = sent(hour, credits=2), sent(hour + HOUR / 2, type="phone", credits=3)
    duo.api.log = FixedLog([first, second])
    assert dagster.run(hour).success
    (figures,) = dagster.events(hour)
    (key,) = bucket.keys("duo-telephony/")
    expected = {"records": 2, "new_records": 2, "changed_records": 0, "late_records": 0, "requests": 1}
    assert {name: figures[name] for name in expected} == expected
    assert figures["duo_total"] == 2
    assert figures["credits"] == 5
    assert figures["credits_by_type"] == {"sms": 2, "phone": 3}
    assert datetime.fromisoformat(figures["first_ts"]) == datetime.fromisoformat(first["ts"])
    assert datetime.fromisoformat(figures["last_ts"]) == datetime.fromisoformat(second["ts"])
    assert figures["objects"] == [f"s3://{bucket.name}/{key}"]
    assert "+1••••••••23" in figures["preview"]


def test_an_hour_without_records_is_done_and_has_no_object(
    dagster: DagsterRun, duo: ServedDuo, bucket: Bucket
) -> None:
    hour = settled_hour()
    assert dagster.run(hour).success
    (figures,) = dagster.events(hour)
    assert (figures["records"], figures["objects"], figures["first_ts"]) == (0, [], None)
    assert bucket.keys("duo-telephony/") == []
    assert len(duo.api.requests) == 1


def test_a_range_is_one_query_and_each_hour_has_its_own_metadata(
    dagster: DagsterRun, duo: ServedDuo, bucket: Bucket
) -> None:
    first = settled_hour(5)
    records = [*spread(first, 2), *spread(first + 2 * HOUR, 4)]
    duo.api.log = FixedLog(records)
    assert dagster.run(first, first + 3 * HOUR).success
    hours = [first + HOUR * number for number in range(4)]
    assert [dagster.events(hour)[0]["records"] for hour in hours] == [2, 0, 4, 0]
    assert sum(dagster.events(hour)[0]["requests"] for hour in hours) == len(duo.api.requests) == 1
    assert Counter(feed_ids(bucket)) == Counter(ids(records))
    assert [len(dagster.events(hour)) for hour in hours] == [1, 1, 1, 1]


def test_running_again_is_harmless_and_a_late_record_lands_as_such(
    dagster: DagsterRun, duo: ServedDuo, bucket: Bucket
) -> None:
    hour = settled_hour()
    records = spread(hour, 3)
    duo.api.log = FixedLog(records)
    dagster.run(hour)
    dagster.run(hour)
    assert dagster.events(hour)[0]["new_records"] == 0
    assert len(dagster.events(hour)[0]["objects"]) == 1
    late = sent(hour + timedelta(seconds=1))
    duo.api.log = FixedLog([*records, late])
    dagster.run(hour)
    newest = dagster.events(hour)[0]
    assert (newest["records"], newest["new_records"], newest["late_records"]) == (4, 1, 1)
    assert newest["late_by_minutes"] >= 60
    assert len(newest["objects"]) == 2
    assert Counter(feed_ids(bucket)) == Counter(ids([*records, late]))


def test_a_record_that_an_hour_known_as_empty_shows_later_is_late(
    dagster: DagsterRun, duo: ServedDuo
) -> None:
    hour = settled_hour()
    dagster.run(hour)
    duo.api.log = FixedLog(spread(hour, 1))
    dagster.run(hour)
    assert dagster.events(hour)[0]["late_records"] == 1


def test_when_a_page_finally_fails_the_hours_before_it_are_done_and_the_others_are_named(
    dagster: DagsterRun, duo: ServedDuo, bucket: Bucket
) -> None:
    first = settled_hour(6)
    whole, broken = spread(first, 999), spread(first + HOUR, 10)
    duo.api.log = FixedLog([*whole, *broken])
    duo.api.knobs = Knobs(faults=(Fault(kind="503", after=1, times=100),))
    result = dagster.run(first, first + 3 * HOUR)
    assert dagster.done() == {key_of(first)}
    assert dagster.events(first)[0]["records"] == 999
    rest = f"run {key_of(first + HOUR)}...{key_of(first + 3 * HOUR)} again"
    assert rest in failure_of(result)
    assert "1 of 4 hours have landed" in failure_of(result)
    duo.api.knobs = Knobs()
    assert dagster.run(first + HOUR, first + 3 * HOUR).success
    assert Counter(feed_ids(bucket)) == Counter(ids([*whole, *broken]))


def test_an_hour_that_cannot_be_read_now_is_refused_and_the_others_go_on(
    dagster: DagsterRun, duo: ServedDuo
) -> None:
    last = settled_hour()
    dagster.now = last + HOUR + timedelta(minutes=4)
    result = dagster.run(last - HOUR, last)
    assert "is not settled yet: run it after" in failure_of(result)
    assert dagster.done() == {key_of(last - HOUR)}
    assert dict(duo.api.requests[0].params)["maxtime"] == str(int(last.timestamp()) * 1000)


def test_hours_older_than_duo_keeps_are_refused_and_the_others_go_on(
    dagster: DagsterRun, duo: ServedDuo
) -> None:
    oldest = settled_hour() - timedelta(days=180) + 3 * HOUR
    dagster.now = oldest + timedelta(days=180) - HOUR + timedelta(minutes=10)
    result = dagster.run(oldest - HOUR, oldest + HOUR)
    assert "older than the 180 days" in failure_of(result)
    assert dagster.done() == {key_of(oldest + HOUR)}
    assert len(duo.api.requests) == 1


def test_a_run_of_only_refused_hours_asks_duo_nothing(dagster: DagsterRun, duo: ServedDuo) -> None:
    dagster.now = settled_hour()
    assert "not settled" in failure_of(dagster.run(settled_hour()))
    assert not duo.api.requests


def test_hours_with_fewer_records_than_duo_counts_land_but_fail(
    dagster: DagsterRun, duo: ServedDuo, bucket: Bucket
) -> None:
    hour = settled_hour()
    records = spread(hour, 3)
    duo.api.log = FixedLog(records)
    duo.api.knobs = Knobs(total_difference=2)
    assert "Duo showed only 3 of the 5 records it counted" in failure_of(dagster.run(hour))
    assert dagster.done() == set()
    assert Counter(feed_ids(bucket)) == Counter(ids(records))


def test_hours_that_were_recorded_before_their_query_ended_short_fail_with_it_and_are_read_again(
    dagster: DagsterRun, duo: ServedDuo
) -> None:
    first = settled_hour(4)
    hours = [first, first + HOUR, first + 2 * HOUR]
    duo.api.log = FixedLog(spread(first, 1500, hours=3))
    # the wait before the second page records the hour that has landed
    duo.api.knobs = Knobs(total_difference=2, faults=(Fault(kind="503", after=1),))
    short = dagster.run(first, hours[-1])
    assert "Duo showed only 500 of the 502 records it counted" in failure_of(short)
    assert dagster.events(first)
    assert partition_status.missing(dagster.instance, dagster.ndjson, hours) == hours
    asked = len(duo.api.requests)
    duo.api.knobs = Knobs()
    assert dagster.run(first, hours[-1], parent=short.run_id).success
    assert int(list(duo.api.requests)[asked].params["mintime"]) // 1000 == first.timestamp()
    assert not partition_status.missing(dagster.instance, dagster.ndjson, hours)


def test_an_hour_with_a_reject_fails_and_says_where_it_is_kept_and_the_others_are_done(
    dagster: DagsterRun, duo: ServedDuo, bucket: Bucket
) -> None:
    first, second = settled_hour(2), settled_hour()
    good = [sent(first), sent(second), sent(second + HOUR / 2)]
    deep: dict[str, Any] = {}
    for _ in range(80):
        deep = {"deeper": deep}
    duo.api.log = FixedLog([*good, sent(second + HOUR / 3, more=deep)])
    result = dagster.run(first, second)
    (key,) = bucket.keys("duo-telephony-work/rejects/")
    assert failure_of(result) == (
        f"{key_of(second)}: 1 items cannot land, so SecOps will not get them (it is nested deeper than 64"
        f" levels: 1). What Duo sent is kept in s3://{bucket.name}/{key}: report it to Duo's support."
    )
    assert dagster.done() == {key_of(first)}
    assert Counter(feed_ids(bucket)) == Counter(ids(good))
    assert partition_status.missing(dagster.instance, dagster.ndjson, [first, second]) == [second]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DUO_IKEY", "", "DUO_IKEY is not set"),
        ("DUO_IKEY", "DIOTHER", "check DUO_IKEY"),
        ("DUO_SKEY", "wrong-secret", "check DUO_SKEY"),
        ("DUO_API_HOST", "example.com", "must be a host of Duo's"),
        ("DUO_API_HOST", "http://127.0.0.1:9", "The connection to 127.0.0.1 failed"),
        ("S3_BUCKET", "no-such-bucket", "check S3_BUCKET"),
        ("AWS_ACCESS_KEY_ID", "NOSUCHKEY00000000000", "check AWS_ACCESS_KEY_ID"),
        ("AWS_SECRET_ACCESS_KEY", "wrong-secret", "check AWS_SECRET_ACCESS_KEY"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9", "AWS_ENDPOINT_URL"),
        ("AWS_ENDPOINT_URL", "127.0.0.1", "AWS_ENDPOINT_URL is not a valid URL"),
        ("AWS_PROFILE", "no-such-profile", "AWS_PROFILE"),
        ("S3_BUCKET", "no bucket's name", "check S3_BUCKET"),
    ],
)
def test_a_wrong_setting_fails_the_run_with_a_sentence_and_no_secret(
    dagster: DagsterRun,
    duo: ServedDuo,
    settings: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    name: str,
    value: str,
    words: str,
) -> None:
    duo.api.log = FixedLog([sent(settled_hour())])
    settings.setenv(name, value)
    settings.setenv("DUO_RETRY_ATTEMPTS", "2")
    result = dagster.run(settled_hour())
    assert words in failure_of(result)
    output = "".join(capfd.readouterr()) + dagster.everything_stored(result)
    for secret in (SKEY, "wrong-secret", "5550123"):
        assert secret not in output


def test_everything_that_is_missing_or_wrong_is_named_in_one_sentence(
    dagster: DagsterRun, settings: pytest.MonkeyPatch
) -> None:
    for name in ("DUO_IKEY", "DUO_SKEY", "S3_BUCKET"):
        settings.delenv(name)
    settings.setenv("DUO_RETRY_ATTEMPTS", "0")
    settings.setenv("DUO_RECORD_FORMAT", "csv")
    assert failure_of(dagster.run(settled_hour())) == (
        "DUO_IKEY, DUO_SKEY and S3_BUCKET are not set: set them in the environment or in .env;"
        " DUO_RETRY_ATTEMPTS must be a whole number, 1 or more and"
        " DUO_RECORD_FORMAT must be secops or verbatim."
    )


@pytest.mark.parametrize("identity", [NO_RIGHTS, READ_ONLY], ids=["no rights", "no right to write"])
def test_missing_rights_fail_the_run_with_a_sentence(
    dagster: DagsterRun, duo: ServedDuo, settings: pytest.MonkeyPatch, identity: Any
) -> None:
    duo.api.log = FixedLog([sent(settled_hour())])
    settings.setenv("AWS_ACCESS_KEY_ID", identity.access_key)
    settings.setenv("AWS_SECRET_ACCESS_KEY", identity.secret_key)
    assert "access is denied" in failure_of(dagster.run(settled_hour()))


def test_no_secret_and_no_phone_number_reaches_dagster(
    dagster: DagsterRun, duo: ServedDuo, s3_server: S3Server, capfd: pytest.CaptureFixture[str]
) -> None:
    hour = settled_hour()
    duo.api.log = FixedLog(
        [sent(hour, phone="+13125550123", type="+13125550123", context="call 13125550123")]
    )
    duo.api.knobs = Knobs(faults=(Fault(kind="429"),))
    result = dagster.run(hour)
    assert result.success
    everything = "".join(capfd.readouterr()) + dagster.everything_stored(result)
    assert "telephony_ndjson" in everything
    for secret in (SKEY, IKEY, s3_server.secret_key, "5550123"):
        assert secret not in everything


def test_the_events_of_a_failed_hour_are_not_made(dagster: DagsterRun, duo: ServedDuo) -> None:
    duo.api.knobs = Knobs(faults=(Fault(kind="503", times=100),))
    dagster.run(settled_hour())
    assert dagster.done(UDM) == set()


def test_a_re_execution_spends_no_request_on_hours_that_the_first_try_recorded(
    dagster: DagsterRun, duo: ServedDuo, bucket: Bucket
) -> None:
    first = settled_hour(6)
    whole, rest = spread(first, 999), spread(first + HOUR, 10)
    duo.api.log = FixedLog([*whole, *rest])
    duo.api.knobs = Knobs(faults=(Fault(kind="503", after=1, times=100),))
    failed = dagster.run(first, first + 2 * HOUR)
    duo.api.knobs = Knobs()
    asked = len(duo.api.requests)
    again = dagster.run(first, first + 2 * HOUR, parent=failed.run_id)
    assert again.success
    ((mintime, maxtime),) = [
        (request.params["mintime"], request.params["maxtime"]) for request in list(duo.api.requests)[asked:]
    ]
    assert int(mintime) // 1000 == (first + HOUR).timestamp()
    assert int(maxtime) // 1000 == (first + 3 * HOUR).timestamp()
    newest = dagster.events(first)[0]
    assert (newest["records"], newest["new_records"]) == (999, 999), (
        "the newest event has the first try's figures"
    )
    assert Counter(feed_ids(bucket)) == Counter(ids([*whole, *rest]))


def test_a_re_execution_of_a_green_run_reads_all_of_its_hours_again(
    dagster: DagsterRun, duo: ServedDuo, bucket: Bucket
) -> None:
    hour = settled_hour()
    records = spread(hour, 4)
    duo.api.log = FixedLog(records[:2])
    first = dagster.run(hour)
    duo.api.log = FixedLog(records)
    assert dagster.run(hour, parent=first.run_id).success
    assert Counter(feed_ids(bucket)) == Counter(ids(records))
    assert len(duo.api.requests) == 2


def test_a_retry_goes_on_where_the_tries_before_it_failed(dagster: DagsterRun, duo: ServedDuo) -> None:
    first = settled_hour(6)
    duo.api.log = FixedLog([*spread(first, 999), *spread(first + HOUR, 999), *spread(first + 2 * HOUR, 9)])
    green = dagster.run(first, first + 2 * HOUR)
    parent = green.run_id
    for done in range(2):  # each of two tries gets one hour further
        duo.api.knobs = Knobs(faults=(Fault(kind="503", after=1, times=100),))
        failed = dagster.run(first, first + 2 * HOUR, parent=parent)
        assert f"{done + 1} of 3 hours have landed" in failure_of(failed)
        parent = failed.run_id
    duo.api.knobs = Knobs()
    asked = len(duo.api.requests)
    assert dagster.run(first, first + 2 * HOUR, parent=parent).success
    (last,) = list(duo.api.requests)[asked:]
    assert int(last.params["mintime"]) // 1000 == (first + 2 * HOUR).timestamp()


def test_hours_that_landed_before_a_fault_of_the_program_are_recorded(
    dagster: DagsterRun, duo: ServedDuo, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = settled_hour(4)
    duo.api.log = FixedLog(spread(first, 2000, hours=2))
    read = TelephonyLog._raw_items

    def broken(log: TelephonyLog) -> Iterator[Any]:
        for number, item in enumerate(read(log)):
            if number == 1500:
                raise ZeroDivisionError
            yield item

    monkeypatch.setattr(TelephonyLog, "_raw_items", broken)
    assert "ZeroDivisionError" in failure_of(dagster.run(first, first + HOUR))
    assert dagster.done() == {key_of(first)}


def test_a_run_of_its_own_reads_hours_that_are_done(dagster: DagsterRun, duo: ServedDuo) -> None:
    dagster.run(settled_hour())
    dagster.run(settled_hour())
    assert len(duo.api.requests) == 2


def test_without_room_for_temporary_files_only_the_hours_that_need_them_fail_and_none_is_lost(
    dagster: DagsterRun, duo: ServedDuo, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet, busy, later = (settled_hour(back) for back in (3, 2, 1))
    duo.api.log = FixedLog([*spread(quiet, 2), *spread(busy, 20), *spread(later, 2)])
    assert dagster.run(quiet, only=[dagster.ndjson]).success
    with monkeypatch.context() as patch:
        without_folder(patch, rows_in_memory=10)
        assert f"{key_of(busy)}: {NO_FOLDER}" in failure_of(dagster.run(quiet, later, only=[dagster.ndjson]))
    assert dagster.done() == {key_of(quiet), key_of(later)}
    assert len(feed_ids(bucket)) == 4
    assert dagster.run(busy, only=[dagster.ndjson]).success
    assert len(feed_ids(bucket)) == 24
