"""Answers of Duo that contradict each other: what lands, what is red, and what is read again."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from duo_pipeline.defs.assets import hours_run, materializations
from duo_pipeline.defs.partition_status import to_request
from duo_pipeline.defs.partitions import key_of
from duo_pipeline.defs.resources import DuoAdminApi
from duo_pipeline.duo.errors import DuoRefusal, DuoUnavailable
from duo_pipeline.landing.bucket import Bucket
from tests.defs.assets.dagster_run import DagsterRun, failure_of
from tests.defs.assets.test_telephony_ndjson import feed_ids, ids
from tests.records import Sent, sent, settled_hour

HOUR = timedelta(hours=1)
FIRST = settled_hour(6)
HOURS = [FIRST + HOUR * number for number in range(4)]


class Duo:
    """Answers each query with the records of its hours, as a test wants them.

    Attributes:
        records: All records, in the order in which a query shows them.
        queries: The hours that each query asked for.
    """

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.queries: list[list[datetime]] = []
        self.requests_sent = 0

    @property
    def host(self) -> Any:
        return type("Host", (), {"name": "127.0.0.1"})

    def get(self, path: str, parameters: dict[str, str]) -> dict[str, Any]:
        self.requests_sent += 1
        start, end = (int(parameters[name]) / 1000 for name in ("mintime", "maxtime"))
        hours = [hour for hour in HOURS if start <= hour.timestamp() < end]
        self.queries.append(hours)
        shown = [one for one in self.records if start <= datetime.fromisoformat(one["ts"]).timestamp() < end]
        return self.answer(hours, shown)

    def answer(self, hours: list[datetime], shown: list[Sent]) -> dict[str, Any]:
        return {"items": shown, "metadata": {"total_objects": len(shown)}}


@pytest.fixture
def duo_says(monkeypatch: pytest.MonkeyPatch) -> Duo:
    duo = Duo()
    monkeypatch.setattr(DuoAdminApi, "open", lambda *_: duo)
    return duo


def one_an_hour() -> list[Sent]:
    return [sent(hour + timedelta(minutes=7)) for hour in HOURS]


def test_hours_out_of_order_are_read_again_in_parts_and_every_record_lands(
    dagster: DagsterRun, duo_says: Duo, bucket: Bucket
) -> None:
    late = sent(HOURS[1] + timedelta(minutes=9))
    duo_says.records = [*one_an_hour(), late]
    assert dagster.run(HOURS[0], HOURS[-1]).success
    assert Counter(feed_ids(bucket)) == Counter(ids(duo_says.records))
    assert duo_says.queries == [HOURS, HOURS[:2], HOURS[2:]]
    assert dagster.events(HOURS[1])[0]["records"] == 2


@pytest.fixture(params=[DuoUnavailable("Duo had an internal error (50000)", code=50000), RuntimeError])
def second_query_fails(
    duo_says: Duo, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Duo's answer to the first query contradicts itself; the second fails by Duo, or the program crashes."""

    def breaks_down(hours: list[datetime], shown: list[Sent]) -> dict[str, Any]:
        if len(duo_says.queries) == 2:
            raise request.param
        return Duo.answer(duo_says, hours, shown)

    monkeypatch.setattr(duo_says, "answer", breaks_down)
    duo_says.records = [*one_an_hour(), sent(HOURS[1] + timedelta(minutes=9))]


@pytest.fixture
def each_hour_is_recorded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(materializations, "WRITE_AFTER_SECONDS", -1.0)


@pytest.mark.usefixtures("second_query_fails")
def test_hours_that_were_landed_before_a_contradiction_are_not_done(dagster: DagsterRun) -> None:
    failure_of(dagster.run(HOURS[0], HOURS[-1]))
    assert dagster.done() == set()


@pytest.mark.usefixtures("second_query_fails", "each_hour_is_recorded_at_once")
def test_hours_that_were_recorded_before_a_contradiction_are_red_and_requested_again(
    dagster: DagsterRun,
) -> None:
    failure_of(dagster.run(HOURS[0], HOURS[-1]))
    assert dagster.done() == {key_of(hour) for hour in HOURS[:3]}  # Dagster's log cannot be undone
    assert to_request(dagster.instance, dagster.ndjson, HOURS) == [
        (HOURS[0], HOURS[2]),
        (HOURS[3], HOURS[3]),
    ]


@pytest.mark.usefixtures("second_query_fails", "each_hour_is_recorded_at_once")
def test_a_retry_reads_hours_again_that_were_recorded_before_a_contradiction(
    dagster: DagsterRun, duo_says: Duo
) -> None:
    failed = dagster.run(HOURS[0], HOURS[-1])
    assert dagster.run(HOURS[0], HOURS[-1], parent=failed.run_id).success
    assert duo_says.queries[2:] == [HOURS, HOURS[:2], HOURS[2:]]
    assert to_request(dagster.instance, dagster.ndjson, HOURS) == []


def test_new_records_count_once_though_their_hours_were_read_twice(
    dagster: DagsterRun, duo_says: Duo
) -> None:
    duo_says.records = [*one_an_hour(), sent(HOURS[2] + timedelta(minutes=9))]
    assert dagster.run(HOURS[0], HOURS[-1]).success
    figures = [dagster.events(hour)[0] for hour in HOURS]
    assert [one["new_records"] for one in figures] == [1, 1, 2, 1]
    assert [one["late_records"] for one in figures] == [0, 0, 0, 0]
    assert sum(one["requests"] for one in figures) == duo_says.requests_sent


def test_one_hour_that_is_short_is_red_and_the_others_of_its_range_are_green(
    dagster: DagsterRun, duo_says: Duo, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hides_one(hours: list[datetime], shown: list[Sent]) -> dict[str, Any]:
        return {"items": shown, "metadata": {"total_objects": len(shown) + (HOURS[2] in hours)}}

    monkeypatch.setattr(duo_says, "answer", hides_one)
    duo_says.records = one_an_hour()
    result = dagster.run(HOURS[0], HOURS[-1])
    assert failure_of(result) == (
        f"{key_of(HOURS[2])}: Duo showed only 1 of the 2 records it counted: what Duo showed is in S3, and"
        " the schedule requests this hour again. If the hour stays red, look at status.duo.com, and ask Duo's"
        " support."
    )
    assert dagster.done() == {key_of(hour) for hour in HOURS} - {key_of(HOURS[2])}
    assert Counter(feed_ids(bucket)) == Counter(ids(duo_says.records))
    assert duo_says.requests_sent <= 2 * len(HOURS) - 1


def test_an_hour_that_duo_refuses_does_not_hold_up_the_others(
    dagster: DagsterRun, duo_says: Duo, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses_the_first(hours: list[datetime], shown: list[Sent]) -> dict[str, Any]:
        if HOURS[0] in hours:
            raise DuoRefusal("Duo refused the request (40002).", 40002)
        return Duo.answer(duo_says, hours, shown)

    monkeypatch.setattr(duo_says, "answer", refuses_the_first)
    duo_says.records = one_an_hour()
    assert "Duo refused the request (40002)" in failure_of(dagster.run(HOURS[0], HOURS[-1]))
    assert Counter(feed_ids(bucket)) == Counter(ids(duo_says.records[1:]))
    assert dagster.done() == {key_of(hour) for hour in HOURS[1:]}


@pytest.mark.parametrize(
    ("error", "explained"),
    [
        (DuoUnavailable("a failure of Duo's", code=50300), False),
        (DuoUnavailable("Duo's answer was cut off"), False),
        (DuoUnavailable("too many requests", code=42901), True),
        (DuoUnavailable("no connection", code="connection"), True),
        (DuoRefusal("wrong key", 40103), True),
        (DuoRefusal("no list of items"), False),
    ],
    ids=lambda value: str(value).replace(" ", "-"),
)
def test_a_failure_that_may_be_of_one_hour_is_told_from_one_that_meets_them_all(
    dagster: DagsterRun, duo_says: Duo, monkeypatch: pytest.MonkeyPatch, error: Exception, explained: bool
) -> None:
    def fails(*_: Any) -> dict[str, Any]:
        raise error

    monkeypatch.setattr(duo_says, "answer", fails)
    result = dagster.run(HOURS[0], HOURS[-1])
    run = dagster.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert ("duo_failure_explained" in run.tags) == explained


def test_of_many_reasons_the_first_are_named() -> None:
    said = hours_run.reasons({hour: f"reason {number}" for number, hour in enumerate(HOURS)})
    assert said.endswith("reason 2 Other reasons: 1.")
    assert (
        hours_run.reasons(dict.fromkeys(HOURS, "Why.")) == f"{key_of(HOURS[0])}...{key_of(HOURS[-1])}: Why."
    )
