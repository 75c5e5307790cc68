"""The log between two hours, read from the emulated Duo in each way that it may behave."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from duo_pipeline.duo.admin_api import AdminApi
from duo_pipeline.duo.errors import DuoRefusal, DuoUnavailable
from duo_pipeline.duo.host import api_host
from duo_pipeline.duo.telephony_log import LIMIT, TelephonyLog
from duo_pipeline.records import Record, Reject
from duo_pipeline.sandbox.knobs import Fault, Knobs
from duo_pipeline.sandbox.telephony import FixedLog
from tests.conftest import ServedDuo
from tests.records import IKEY, SKEY, Sent, sent, settled_hour, spread

HOUR = timedelta(hours=1)
START = settled_hour(6)


def api_of(duo: ServedDuo) -> AdminApi:
    return AdminApi(api_host(duo.url), ikey=IKEY, skey=SKEY, retry_base_seconds=0, retry_attempts=3)


def read(duo: ServedDuo, hours: int = 1) -> tuple[TelephonyLog, dict[datetime, list[Sent]], list[Reject]]:
    log = TelephonyLog(api_of(duo), START, START + HOUR * hours)
    found: dict[datetime, list[Sent]] = {}
    rejects: list[Reject] = []
    for hour, entries in log.hours():
        found[hour] = []
        for entry in entries:
            if isinstance(entry, Record):
                found[hour].append(entry.sent)
            else:
                rejects.append(entry)
    return log, found, rejects


def records_of(found: dict[datetime, list[Sent]]) -> list[Sent]:
    return [record for hour in found.values() for record in hour]


def test_an_hour_that_fits_one_page_costs_one_request(duo: ServedDuo) -> None:
    records = spread(START, 7)
    duo.api.log = FixedLog(records)
    log, found, _ = read(duo)
    assert found == {START: records}
    assert len(duo.api.requests) == 1
    assert (log.received, log.missing) == (7, 0)


def test_an_empty_hour_costs_one_request(duo: ServedDuo) -> None:
    _, found, _ = read(duo)
    assert found == {START: []}
    assert len(duo.api.requests) == 1


def test_a_range_is_one_query_cut_into_hours_the_empty_ones_too(duo: ServedDuo) -> None:
    first, last = spread(START, 2), spread(START + 3 * HOUR, 3)
    duo.api.log = FixedLog([*first, *last])
    _, found, _ = read(duo, hours=5)
    assert list(found) == [START + HOUR * number for number in range(5)]
    assert (found[START], found[START + 3 * HOUR]) == (first, last)
    assert len(duo.api.requests) == 1


def test_pages_cost_as_many_requests_as_there_are_thousands_of_records(duo: ServedDuo) -> None:
    records = spread(START, 2 * LIMIT + 500, hours=4)
    duo.api.log = FixedLog(records)
    _, found, _ = read(duo, hours=4)
    assert records_of(found) == records
    assert len(duo.api.requests) == 3


def test_every_page_asks_for_the_same_hours_in_order_of_time(duo: ServedDuo) -> None:
    duo.api.log = FixedLog(spread(START, LIMIT + 1))
    read(duo)
    first, second = (dict(request.params) for request in duo.api.requests)
    assert first == {
        "mintime": str(int(START.timestamp()) * 1000),
        "maxtime": str(int((START + HOUR).timestamp()) * 1000),
        "limit": "1000",
        "sort": "ts:asc",
    }
    assert second.pop("next_offset")
    assert second == first


WAYS: dict[str, Knobs] = {
    "a cursor on the last page": Knobs(last_cursor="present"),
    "no cursor on the last page": Knobs(last_cursor="absent"),
    "a null cursor on the last page": Knobs(last_cursor="null"),
    "an unchanged cursor on the last page": Knobs(last_cursor="unchanged"),
    "a cursor that is a list": Knobs(cursor="list"),
    "a total that is an object": Knobs(total="object"),
    "no total": Knobs(total="absent"),
    "no total and no cursor": Knobs(total="absent", last_cursor="null"),
    "no total and an unchanged cursor": Knobs(total="absent", last_cursor="unchanged"),
    "bounds compared in milliseconds": Knobs(compare="floored"),
    "repeats at the start of a page": Knobs(repeats=3),
    "repeats and no total": Knobs(repeats=1, total="absent"),
    "pages shorter than asked for": Knobs(page_size=300),
    "short pages and no total": Knobs(page_size=300, total="absent"),
    "short pages with repeats": Knobs(page_size=300, repeats=2),
    "Z for the offset": Knobs(ts_zone="Z"),
    "no fraction where it is zero": Knobs(ts_fraction="when_needed"),
    "txid empty": Knobs(txid="empty"),
    "txid null": Knobs(txid="null"),
}


@pytest.mark.parametrize("knobs", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("count", [0, 1, 999, LIMIT, LIMIT + 1, 2 * LIMIT, 2 * LIMIT + 10])
def test_nothing_is_lost_or_doubled_whichever_way_duo_behaves(
    duo: ServedDuo, knobs: Knobs, count: int
) -> None:
    records = spread(START, count, hours=3)
    duo.api.log = FixedLog(records)
    duo.api.knobs = knobs
    log, found, rejects = read(duo, hours=3)
    assert [record["telephony_id"] for record in records_of(found)] == [
        one["telephony_id"] for one in records
    ]
    assert not rejects
    assert log.missing == 0
    for hour, its in found.items():
        assert all(hour <= datetime.fromisoformat(record["ts"]) < hour + HOUR for record in its)


@pytest.mark.parametrize("compare", ["exact", "floored"])
def test_the_first_and_last_microsecond_of_an_hour_are_its_own(duo: ServedDuo, compare: Any) -> None:
    tick = timedelta(microseconds=1)
    before, first = sent(START - tick), sent(START)
    last, after = sent(START + HOUR - tick), sent(START + HOUR)
    much_after = sent(START + HOUR + timedelta(microseconds=999))
    duo.api.log = FixedLog([before, first, last, after, much_after])
    duo.api.knobs = Knobs(compare=compare)
    log, found, rejects = read(duo)
    assert found == {START: [first, last]}
    assert not rejects
    assert log.missing == 0


def test_records_that_share_all_but_the_txid_are_different_records(duo: ServedDuo) -> None:
    one = sent(START)
    records = [{**one, "txid": txid} for txid in ("a", "b", "c")]
    duo.api.log = FixedLog(records)
    assert read(duo)[1] == {START: records}


def test_a_record_shown_twice_in_a_page_comes_once_and_the_count_still_agrees(duo: ServedDuo) -> None:
    one, two = spread(START, 2)
    duo.api.log = FixedLog([one, one, two])
    log, found, _ = read(duo)
    assert found == {START: [one, two]}
    assert (log.received, log.repeated, log.missing) == (2, 1, 0)


def test_what_no_hour_can_take_comes_as_a_reject_with_its_reason(duo: ServedDuo) -> None:
    good = sent(START)
    duo.api.log = FixedLog([good, "text", {**good, "ts": "yesterday"}, {"phone": "x"}, 7])
    log, found, rejects = read(duo)
    assert found == {START: [good]}
    bad = ["text", {**good, "ts": "yesterday"}, {"phone": "x"}, 7]
    assert sorted(str(reject.sent) for reject in rejects) == sorted(map(str, bad))
    assert all(reject.reason for reject in rejects)
    assert log.missing == 0


def test_records_that_duo_counts_but_does_not_show_are_missing(duo: ServedDuo) -> None:
    duo.api.log = FixedLog(spread(START, 5))
    duo.api.knobs = Knobs(total_difference=2)
    assert read(duo)[0].missing == 2


def test_a_count_that_is_a_lower_bound_neither_ends_the_reading_nor_fails_it() -> None:
    records = spread(START, LIMIT + 200)
    answers = Answers(
        {
            "items": records[:900],
            "metadata": {"total_objects": {"relation": "gte", "value": 900}, "next_offset": "a"},
        },
        {"items": records[900:], "metadata": {"total_objects": {"relation": "gte", "value": 900}}},
    )
    log = TelephonyLog(answers, START, START + HOUR)  # type: ignore[arg-type]
    assert [entry.sent for _, entries in log.hours() for entry in entries] == records
    assert log.missing == 0


class Answers:
    """An API that gives what it was told to, in turn."""

    def __init__(self, *responses: dict[str, Any]) -> None:
        self.responses: Sequence[dict[str, Any]] = responses
        self.asked = 0

    def get(self, path: str, parameters: dict[str, str]) -> dict[str, Any]:
        self.asked += 1
        return self.responses[self.asked - 1]


def test_a_query_that_outlives_its_first_hour_asks_for_no_more_than_duo_keeps() -> None:
    records = spread(START, 3)
    asked: list[dict[str, str]] = []
    now = START.timestamp() + 180 * 86_400 - 3_600

    class Throttled:
        def get(self, path: str, parameters: dict[str, str]) -> dict[str, Any]:
            nonlocal now
            asked.append(dict(parameters))
            now += 3 * 3_600
            page = len(asked)
            total = 3 if page == 1 else 1
            return {
                "items": [records[page - 1]],
                "metadata": {"next_offset": str(page), "total_objects": total},
            }

    log = TelephonyLog(Throttled(), START, START + HOUR, clock=lambda: now)  # type: ignore[arg-type]
    assert [entry.sent for _, entries in log.hours() for entry in entries] == records
    assert log.missing == 0
    oldest = [int(one["mintime"]) // 1000 for one in asked]
    assert oldest[0] == START.timestamp()
    assert oldest[1] > START.timestamp() + 3_600


def test_a_cursor_that_leads_nowhere_new_ends_the_reading() -> None:
    page = {"items": spread(START, 3), "metadata": {"next_offset": "a"}}
    answers = Answers(*({**page, "metadata": {"next_offset": str(number)}} for number in range(10)))
    log = TelephonyLog(answers, START, START + HOUR)  # type: ignore[arg-type]
    assert sum(len(list(entries)) for _, entries in log.hours()) == 3
    assert answers.asked == 4


def test_a_page_that_is_the_one_before_once_more_does_not_end_the_reading() -> None:
    first, second = spread(START, 6)[:3], spread(START, 6)[3:]
    answers = Answers(
        {"items": first, "metadata": {"next_offset": "a"}},
        {"items": first, "metadata": {"next_offset": "b"}},
        {"items": second, "metadata": {}},
    )
    log = TelephonyLog(answers, START, START + HOUR)  # type: ignore[arg-type]
    assert [entry.sent for _, entries in log.hours() for entry in entries] == [*first, *second]


def test_entries_that_are_no_records_do_not_make_the_reading_end_early() -> None:
    first, second = spread(START, 6)[:3], spread(START, 6)[3:]
    metadata = {"next_offset": "a", "total_objects": "6"}
    answers = Answers(
        {"items": [*first, "a", "b", "c"], "metadata": metadata},
        {"items": second, "metadata": {**metadata, "next_offset": "b"}},
    )
    log = TelephonyLog(answers, START, START + HOUR)  # type: ignore[arg-type]
    sent = [entry.sent for _, entries in log.hours() for entry in entries]
    assert sent == [*first, "a", "b", "c", *second]


@pytest.mark.parametrize(
    ("response", "error"),
    [
        ({"metadata": {}}, DuoUnavailable),
        ({"items": {}}, DuoUnavailable),
        ({"items": [{}], "metadata": []}, None),
        ({"items": [{}], "metadata": "x"}, DuoUnavailable),
        ({"items": [{}], "metadata": {"next_offset": 7}}, DuoRefusal),
        ({"items": [], "metadata": {"total_objects": True}}, None),
    ],
)
def test_an_answer_of_another_shape_is_named_and_never_taken_for_an_empty_log(
    response: dict[str, Any], error: type[Exception] | None
) -> None:
    log = TelephonyLog(Answers(response), START, START + HOUR)  # type: ignore[arg-type]
    if error is None:
        assert sum(len(list(entries)) for _, entries in log.hours()) == len(response["items"])
    else:
        with pytest.raises(error):
            list(log.hours())


def test_records_out_of_order_are_an_error_and_not_a_loss() -> None:
    late, early = sent(START + HOUR), sent(START)
    log = TelephonyLog(Answers({"items": [late, early]}), START, START + 2 * HOUR)  # type: ignore[arg-type]
    with pytest.raises(DuoRefusal, match="not in order of time"):
        for _, entries in log.hours():
            list(entries)


@pytest.mark.parametrize("kind", ["429", "500", "502", "503", "reset", "cut", "garbage", "not_ok"])
@pytest.mark.parametrize("page", [0, 1, 2])
def test_a_fault_at_any_page_is_lived_through(duo: ServedDuo, kind: Any, page: int) -> None:
    records = spread(START, 2 * LIMIT + 5, hours=2)
    duo.api.log = FixedLog(records)
    duo.api.knobs = Knobs(faults=(Fault(kind=kind, after=page),))
    assert records_of(read(duo, hours=2)[1]) == records
    assert len(duo.api.requests) == 4


def test_the_hours_before_a_page_that_finally_fails_are_given_whole(duo: ServedDuo) -> None:
    first, second = spread(START, LIMIT - 1), spread(START + HOUR, LIMIT)
    duo.api.log = FixedLog([*first, *second])
    duo.api.knobs = Knobs(faults=(Fault(kind="503", after=1, times=3),))
    log = TelephonyLog(api_of(duo), START, START + 3 * HOUR)
    whole = []
    with pytest.raises(DuoUnavailable):
        for hour, entries in log.hours():
            list(entries)
            whole.append(hour)
    assert whole == [START]


def test_only_pages_that_are_needed_are_asked_for(duo: ServedDuo) -> None:
    duo.api.log = FixedLog(spread(START, 3 * LIMIT, hours=3))
    log = TelephonyLog(api_of(duo), START, START + 3 * HOUR)
    _, entries = next(log.hours())
    next(entries)
    assert len(duo.api.requests) == 1


def test_each_page_is_told_with_how_far_it_reaches(duo: ServedDuo) -> None:
    duo.api.log = FixedLog(spread(START, LIMIT + 1))
    told: list[tuple[int, int]] = []

    def on_page(log: TelephonyLog) -> None:
        told.append((log.received, log.total.value if log.total else 0))

    for _, entries in TelephonyLog(api_of(duo), START, START + HOUR, on_page).hours():
        list(entries)
    assert told == [(LIMIT, LIMIT + 1), (LIMIT + 1, LIMIT + 1)]
