"""Hours that are read again: what lands, and what Dagster is told of it."""

from collections import Counter
from datetime import timedelta

import dagster as dg
import pytest

from duo_pipeline.config.account import DEFAULT_ACCOUNT
from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs.assets.reconciliation import reconciliation
from duo_pipeline.defs.partitions import key_of
from duo_pipeline.defs.resources import resources_of
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.sandbox.knobs import Fault, Knobs
from duo_pipeline.sandbox.log import FixedLog
from tests.conftest import ServedDuo
from tests.defs.assets.dagster_run import NDJSON, DagsterRun, failure_of
from tests.defs.assets.test_telephony_ndjson import feed_ids, ids
from tests.defs.checks.test_evaluations import said
from tests.records import sent, settled_hour, spread

HOUR = timedelta(hours=1)
FIRST, LAST = settled_hour(6), settled_hour()
SETTINGS = HourSettings(FIRST, 5, 168, 48, 720)


def read_again(dagster: DagsterRun, hours: int = 48) -> dg.ExecuteInProcessResult:
    job = reconciliation(
        DEFAULT_ACCOUNT, NDJSON, SETTINGS, lambda: dagster.now or LAST + HOUR + timedelta(minutes=5)
    )
    return job.execute_in_process(
        resources=resources_of(DEFAULT_ACCOUNT),
        run_config={"ops": {"read_again": {"config": {"hours": hours}}}},
        instance=dagster.instance,
        raise_on_error=False,
    )


def materialized(dagster: DagsterRun, result: dg.ExecuteInProcessResult) -> set[str | None]:
    logs = dagster.instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    return {log.dagster_event.partition for log in logs if log.dagster_event}


def test_without_changes_it_costs_one_request_and_no_event_of_an_hour(
    dagster: DagsterRun, duo: ServedDuo
) -> None:
    duo.api.log = FixedLog(spread(FIRST, 20, hours=6))
    dagster.run(FIRST, LAST)
    result = read_again(dagster)
    assert result.success
    assert len(duo.api.requests) == 2
    assert materialized(dagster, result) == set()
    assert len(dagster.instance.all_logs(result.run_id)) < 25


def test_a_late_record_lands_and_only_its_hour_is_recorded_with_its_metadata(
    dagster: DagsterRun, duo: ServedDuo, bucket: Bucket
) -> None:
    records = spread(FIRST, 20, hours=6)
    duo.api.log = FixedLog(records)
    dagster.run(FIRST, LAST)
    late = sent(FIRST + 2 * HOUR + timedelta(minutes=1))
    duo.api.log = FixedLog(sorted([*records, late], key=lambda one: str(one["ts"])))
    result = read_again(dagster)
    assert result.success
    assert materialized(dagster, result) == {key_of(FIRST + 2 * HOUR)}
    assert Counter(feed_ids(bucket)) == Counter(ids([*records, late]))
    assert dagster.events(FIRST + 2 * HOUR)[0]["late_records"] == 1


def test_it_reaches_back_as_far_as_it_is_told(dagster: DagsterRun, duo: ServedDuo) -> None:
    read_again(dagster, hours=2)
    (request,) = duo.api.requests
    assert int(request.params["mintime"]) // 1000 == (LAST - HOUR).timestamp()


def test_an_hour_that_nobody_has_read_is_recorded(dagster: DagsterRun) -> None:
    dagster.run(FIRST, LAST - HOUR)
    assert materialized(dagster, read_again(dagster)) == {key_of(LAST)}


def test_objects_that_are_gone_from_s3_are_landed_again_and_told(
    dagster: DagsterRun, duo: ServedDuo, bucket: Bucket
) -> None:
    records = spread(FIRST, 20, hours=6)
    duo.api.log = FixedLog(records)
    dagster.run(FIRST, LAST)
    for prefix in ("duo-telephony/", "duo-telephony-work/journal/"):
        (key,) = (key for key in bucket.keys(prefix) if f"hour={FIRST:%H}/" in key)
        bucket._client.delete_object(Bucket=bucket.name, Key=key)
    result = read_again(dagster)
    assert materialized(dagster, result) == {key_of(FIRST)}
    assert Counter(feed_ids(bucket)) == Counter(ids(records))
    assert dagster.events(FIRST)[0]["objects_gone"] == 0, "the same lines are the same object"


def test_a_reading_in_doubt_fails_turns_its_hours_red_and_a_whole_one_turns_them_green(
    dagster: DagsterRun, duo: ServedDuo
) -> None:
    duo.api.log = FixedLog(spread(FIRST, 20, hours=6))
    dagster.run(FIRST, LAST)
    duo.api.knobs = Knobs(total_difference=1)
    assert "Duo showed only 4 of the 5 records it counted" in failure_of(read_again(dagster, hours=2))
    assert not said(dagster, NDJSON, "complete")[key_of(LAST)][0]
    duo.api.knobs = Knobs()
    assert read_again(dagster, hours=2).success
    assert said(dagster, NDJSON, "complete")[key_of(LAST)][0]


def test_what_landed_before_a_page_finally_failed_is_recorded(
    dagster: DagsterRun, duo: ServedDuo, settings: pytest.MonkeyPatch
) -> None:
    settings.setenv("DUO_RETRY_ATTEMPTS", "2")
    duo.api.log = FixedLog([*spread(FIRST, 999), *spread(FIRST + HOUR, 10)])
    duo.api.knobs = Knobs(faults=(Fault(kind="503", after=1, times=100),))
    result = read_again(dagster)
    assert "tried 2 times" in failure_of(result)
    assert materialized(dagster, result) == {key_of(FIRST)}


@pytest.mark.parametrize(("name", "words"), [("DUO_SKEY", "DUO_SKEY is not set"), ("S3_BUCKET", "S3_BUCKET")])
def test_a_wrong_setting_fails_it_with_a_sentence(
    dagster: DagsterRun, settings: pytest.MonkeyPatch, name: str, words: str
) -> None:
    settings.delenv(name)
    assert words in failure_of(read_again(dagster))


def test_before_any_hour_is_settled_it_asks_duo_nothing(dagster: DagsterRun, duo: ServedDuo) -> None:
    dagster.now = FIRST
    assert read_again(dagster).success
    assert not duo.api.requests
