"""The UDM events of landed hours."""

import json
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from duo_pipeline.defs.partitions import key_of
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.sandbox.log import FixedLog
from duo_pipeline.udm import to_udm
from tests.conftest import ServedDuo
from tests.defs.assets.dagster_run import UDM, DagsterRun, failure_of
from tests.landing.temporary_files import NO_FOLDER, without_folder
from tests.records import sent, settled_hour, spread


def read(bucket: Bucket, key: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in bucket.lines(key)]


def events_key(hour: datetime) -> str:
    return f"duo-telephony-work/udm/dt={hour:%Y-%m-%d}/hour={hour:%H}/events.ndjson"


def test_each_line_of_the_hour_is_an_event_in_the_order_of_the_lines(
    dagster: DagsterRun, duo: ServedDuo, bucket: Bucket
) -> None:
    hour = settled_hour()
    duo.api.log = FixedLog(spread(hour, 4))
    assert dagster.run(hour).success
    (key,) = bucket.keys("duo-telephony/")
    assert read(bucket, events_key(hour)) == [to_udm(line) for line in read(bucket, key)]
    (figures,) = dagster.events(hour, UDM)
    assert (figures["lines"], figures["events"], figures["findings"]) == (4, 4, 0)
    assert figures["events_by_type"] == {"USER_UNCATEGORIZED": 4}
    assert figures["object"] == f"s3://{bucket.name}/{events_key(hour)}"


def test_late_records_are_put_among_the_events_in_order_of_time(
    dagster: DagsterRun, duo: ServedDuo, bucket: Bucket
) -> None:
    hour = settled_hour()
    records = spread(hour, 3)
    duo.api.log = FixedLog(records[::2])
    dagster.run(hour)
    duo.api.log = FixedLog(records)
    dagster.run(hour)
    assert len(bucket.keys("duo-telephony/")) == 2
    events = read(bucket, events_key(hour))
    assert [event["metadata"]["productLogId"] for event in events] == [one["telephony_id"] for one in records]


def test_an_hour_without_records_has_no_events_object(dagster: DagsterRun, bucket: Bucket) -> None:
    hour = settled_hour()
    assert dagster.run(hour).success
    assert bucket.keys("duo-telephony-work/udm/") == []
    assert dagster.events(hour, UDM)[0]["events"] == 0


def test_verbatim_lines_show_what_secops_will_not(
    dagster: DagsterRun, duo: ServedDuo, settings: pytest.MonkeyPatch
) -> None:
    hour = settled_hour()
    settings.setenv("DUO_RECORD_FORMAT", "verbatim")
    duo.api.log = FixedLog([sent(hour)])
    assert dagster.run(hour).success
    (figures,) = dagster.events(hour, UDM)
    assert figures["findings"] == 3
    assert "no event time" in figures["findings_table"]


def test_events_are_made_again_without_asking_duo_and_without_its_keys(
    dagster: DagsterRun, duo: ServedDuo, settings: pytest.MonkeyPatch
) -> None:
    hour = settled_hour()
    duo.api.log = FixedLog(spread(hour, 2))
    dagster.run(hour)
    for name in ("DUO_IKEY", "DUO_SKEY", "DUO_API_HOST"):
        settings.delenv(name)
    assert dagster.run(hour, only=[dagster.udm]).success
    assert len(duo.api.requests) == 1


def test_a_range_has_the_metadata_of_each_hour(dagster: DagsterRun, duo: ServedDuo) -> None:
    first = settled_hour(3)
    hours = [first, first + timedelta(hours=1)]
    duo.api.log = FixedLog([*spread(hours[0], 2), *spread(hours[1], 3)])
    assert dagster.run(hours[0], hours[1]).success
    assert [dagster.events(hour, UDM)[0]["events"] for hour in hours] == [2, 3]


def test_a_run_that_is_cancelled_records_the_hours_that_it_has_done(
    dagster: DagsterRun, duo: ServedDuo, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = settled_hour(3)
    last = first + timedelta(hours=1)
    duo.api.log = FixedLog(spread(first, 4, hours=2))
    dagster.run(first, last, only=[dagster.ndjson])
    put = Bucket.put

    def is_cancelled_at_the_last(self: Bucket, key: str, *rest: Any, **options: Any) -> Any:
        if key == events_key(last):
            raise dg.DagsterExecutionInterruptedError
        return put(self, key, *rest, **options)

    monkeypatch.setattr(Bucket, "put", is_cancelled_at_the_last)
    assert not dagster.run(first, last, only=[dagster.udm]).success
    assert dagster.done(UDM) == {key_of(first)}
    assert dagster.events(first, UDM)[0]["events"] == 2


def test_without_a_bucket_the_run_fails_with_a_sentence(
    dagster: DagsterRun, settings: pytest.MonkeyPatch
) -> None:
    settings.delenv("S3_BUCKET")
    assert "S3_BUCKET is not set" in failure_of(dagster.run(settled_hour(), only=[dagster.udm]))


def test_without_room_for_temporary_files_the_run_fails_with_a_sentence_and_writes_no_events(
    dagster: DagsterRun, duo: ServedDuo, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour = settled_hour()
    duo.api.log = FixedLog(spread(hour, 3))
    assert dagster.run(hour, only=[dagster.ndjson]).success
    with monkeypatch.context() as patch:
        without_folder(patch)
        assert NO_FOLDER in failure_of(dagster.run(hour, only=[dagster.udm]))
    assert bucket.keys("duo-telephony-work/udm/") == []
    assert dagster.run(hour, only=[dagster.udm]).success
