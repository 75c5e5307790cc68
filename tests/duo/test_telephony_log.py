"""Tests of reading the log between two hours, with each known behaviour of Duo."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from duo_pipeline.duo.admin_api import AdminApi
from duo_pipeline.duo.errors import DuoContradiction, DuoRefusal, DuoUnavailable
from duo_pipeline.duo.host import api_host
from duo_pipeline.duo.telephony_log import LIMIT, TelephonyLog
from duo_pipeline.records import Record, Reject
from duo_pipeline.sandbox.knobs import Fault, Knobs
from duo_pipeline.sandbox.log import FixedLog
from tests.conftest import ServedDuo
from tests.records import IKEY, SKEY, Sent, sent, settled_hour, spread

HOUR = timedelta(hours=1)
START = settled_hour(6)


def api_of(duo: ServedDuo) -> AdminApi:
    return AdminApi(api_host(duo.url), ikey=IKEY, skey=SKEY, retry_base_seconds=0, retry_attempts=3)


def read(duo: ServedDuo, hours: int = 1) -> tuple[TelephonyLog, dict[datetime, list[Sent]], list[Reject]]:
    return read_all(TelephonyLog(api_of(duo), START, START + HOUR * hours))


def read_all(log: TelephonyLog) -> tuple[TelephonyLog, dict[datetime, list[Sent]], list[Reject]]:
    """Read a log to its end and judge it as landing does: each record and each reject counts once."""
    found: dict[datetime, list[Sent]] = {}
    rejects: list[Reject] = []
    for hour, entries in log.hours():
        found[hour] = []
        for entry in entries:
            if isinstance(entry, Record):
                found[hour].append(entry.sent)
            else:
                rejects.append(entry)
    distinct = {json.dumps(record, sort_keys=True) for record in records_of(found)}
    log.judge(landed=len(distinct), rejected=len({str(reject.sent) for reject in rejects}))
    return log, found, rejects


def records_of(found: dict[datetime, list[Sent]]) -> list[Sent]:
    return [record for hour in found.values() for record in hour]


def test_an_hour_that_fits_one_page_costs_one_request(duo: ServedDuo) -> None:
    records = spread(START, 7)
    duo.api.log = FixedLog(records)
    log, found, _ = read(duo)
    assert found == {START: records}
    assert len(duo.api.requests) == 1
    assert (log.received, log.doubts) == (7, [])


def test_an_empty_hour_costs_one_request(duo: ServedDuo) -> None:
    _, found, _ = read(duo)
    assert found == {START: []}
    assert len(duo.api.requests) == 1


def test_a_range_is_one_query_split_into_hours_including_empty_ones(duo: ServedDuo) -> None:
    first, last = spread(START, 2), spread(START + 3 * HOUR, 3)
    duo.api.log = FixedLog([*first, *last])
    _, found, _ = read(duo, hours=5)
    assert list(found) == [START + HOUR * number for number in range(5)]
    assert (found[START], found[START + 3 * HOUR]) == (first, last)
    assert len(duo.api.requests) == 1


def test_a_query_costs_one_request_per_thousand_records(duo: ServedDuo) -> None:
    records = spread(START, 2 * LIMIT + 500, hours=4)
    duo.api.log = FixedLog(records)
    _, found, _ = read(duo, hours=4)
    assert records_of(found) == records
    assert len(duo.api.requests) == 3


def test_every_page_requests_the_same_hours_in_order_of_time(duo: ServedDuo) -> None:
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
    "pages shorter than requested": Knobs(page_size=300),
    "short pages and no total": Knobs(page_size=300, total="absent"),
    "short pages with repeats": Knobs(page_size=300, repeats=2),
    "Z for the offset": Knobs(ts_zone="Z"),
    "no fraction where it is zero": Knobs(ts_fraction="when_needed"),
    "txid empty": Knobs(txid="empty"),
    "txid null": Knobs(txid="null"),
}


@pytest.mark.parametrize("knobs", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("count", [0, 1, 999, LIMIT, LIMIT + 1, 2 * LIMIT, 2 * LIMIT + 10])
def test_nothing_is_lost_or_doubled_however_duo_behaves(duo: ServedDuo, knobs: Knobs, count: int) -> None:
    records = spread(START, count, hours=3)
    duo.api.log = FixedLog(records)
    duo.api.knobs = knobs
    log, found, rejects = read(duo, hours=3)
    assert [record["telephony_id"] for record in records_of(found)] == [
        one["telephony_id"] for one in records
    ]
    assert not rejects
    assert log.doubts == []
    for hour, its in found.items():
        assert all(hour <= datetime.fromisoformat(record["ts"]) < hour + HOUR for record in its)


@pytest.mark.parametrize("compare", ["exact", "floored"])
def test_the_first_and_last_microsecond_of_an_hour_belong_to_it(duo: ServedDuo, compare: Any) -> None:
    tick = timedelta(microseconds=1)
    before, first = sent(START - tick), sent(START)
    last, after = sent(START + HOUR - tick), sent(START + HOUR)
    much_after = sent(START + HOUR + timedelta(microseconds=999))
    duo.api.log = FixedLog([before, first, last, after, much_after])
    duo.api.knobs = Knobs(compare=compare)
    log, found, rejects = read(duo)
    assert found == {START: [first, last]}
    assert not rejects
    assert log.doubts == []


def test_records_that_differ_only_in_the_txid_are_different_records(duo: ServedDuo) -> None:
    one = sent(START)
    records = [{**one, "txid": txid} for txid in ("a", "b", "c")]
    duo.api.log = FixedLog(records)
    assert read(duo)[1] == {START: records}


@pytest.mark.parametrize("total", ["integer", "object"])
def test_the_cursor_of_the_last_page_is_not_followed_where_all_that_duo_counts_has_come(
    duo: ServedDuo, total: Any
) -> None:
    duo.api.log = FixedLog(spread(START, LIMIT + 1))
    duo.api.knobs = Knobs(total=total, last_cursor="present")
    read(duo)
    assert len(duo.api.requests) == 2


def test_a_record_shown_twice_in_a_page_counts_once(duo: ServedDuo) -> None:
    one, two = spread(START, 2)
    duo.api.log = FixedLog([one, one, two])
    log, found, _ = read(duo)
    assert found == {START: [one, two]}
    assert log.doubts == ["Duo showed only 2 of the 3 records it counted"]


def test_an_item_that_cannot_land_is_a_reject_with_a_reason(duo: ServedDuo) -> None:
    good = sent(START)
    duo.api.log = FixedLog([good, "text", {**good, "ts": "yesterday"}, {"phone": "x"}, 7])
    log, found, rejects = read(duo)
    assert found == {START: [good]}
    bad = ["text", {**good, "ts": "yesterday"}, {"phone": "x"}, 7]
    assert sorted(str(reject.sent) for reject in rejects) == sorted(map(str, bad))
    assert all(reject.reason for reject in rejects)
    assert log.doubts == []


def test_records_that_duo_counts_but_does_not_show_are_a_doubt(duo: ServedDuo) -> None:
    duo.api.log = FixedLog(spread(START, 5))
    duo.api.knobs = Knobs(total_difference=2)
    assert read(duo)[0].doubts == ["Duo showed only 5 of the 7 records it counted"]


def test_a_count_that_is_a_lower_bound_neither_ends_the_reading_nor_is_a_doubt() -> None:
    records = spread(START, LIMIT + 200)
    answers = Answers(
        {
            "items": records[:900],
            "metadata": {"total_objects": {"relation": "gte", "value": 900}, "next_offset": "a"},
        },
        {"items": records[900:], "metadata": {"total_objects": {"relation": "gte", "value": 900}}},
    )
    log, found, _ = scripted(answers)
    assert records_of(found) == records
    assert log.doubts == []


def scripted(
    answers: "Answers", hours: int = 1
) -> tuple[TelephonyLog, dict[datetime, list[Sent]], list[Reject]]:
    return read_all(TelephonyLog(answers, START, START + HOUR * hours))  # type: ignore[arg-type]


class Answers:
    """An API that returns the given responses in order, and then the last one again and again."""

    def __init__(self, *responses: dict[str, Any]) -> None:
        self.responses: Sequence[dict[str, Any]] = responses
        self.requests = 0

    def get(self, path: str, parameters: dict[str, str]) -> dict[str, Any]:
        self.requests += 1
        return self.responses[min(self.requests, len(self.responses)) - 1]


def test_a_query_that_takes_hours_never_requests_what_duo_no_longer_keeps() -> None:
    records = spread(START, 3)
    requested: list[dict[str, str]] = []
    now = START.timestamp() + 180 * 86_400 - 3_600

    class Throttled:
        def get(self, path: str, parameters: dict[str, str]) -> dict[str, Any]:
            nonlocal now
            requested.append(dict(parameters))
            now += 3 * 3_600
            page = len(requested)
            total = 3 if page == 1 else 1
            return {
                "items": [records[page - 1]],
                "metadata": {"next_offset": str(page), "total_objects": total},
            }

    log = TelephonyLog(Throttled(), START, START + HOUR, clock=lambda: now)  # type: ignore[arg-type]
    log, found, _ = read_all(log)
    assert records_of(found) == records
    assert log.doubts == []
    oldest = [int(one["mintime"]) // 1000 for one in requested]
    assert oldest[0] == START.timestamp()
    assert oldest[1] > START.timestamp() + 3_600


def page(items: Sequence[Any], cursor: str | None = None, total: Any = None) -> dict[str, Any]:
    return {"items": items, "metadata": {"next_offset": cursor, "total_objects": total}}


def test_pages_that_bring_nothing_new_end_the_reading_and_are_a_doubt_if_there_is_no_count() -> None:
    records = spread(START, 3)
    answers = Answers(*(page(records, str(number)) for number in range(10)))
    log, found, _ = scripted(answers)
    assert records_of(found) == records
    assert answers.requests == 4
    assert log.doubts == ["3 pages in a row brought nothing new"]


@pytest.mark.parametrize("length", [2, 3, 7])
def test_repeated_cursors_end_the_reading(length: int) -> None:
    records = spread(START, 200)
    circle = [page([records[n]], str(n % length), total=200) for n in range(200)]
    answers = Answers(*circle)
    log, found, _ = scripted(answers)
    assert answers.requests == length + 1
    assert len(records_of(found)) == length + 1
    assert log.doubts == [
        f"Duo showed only {length + 1} of the 200 records it counted",
        "Duo's cursors repeat",
    ]


@pytest.mark.parametrize(("total", "bound"), [(None, 1100), (5000, 150), (10**12, 10_100)], ids=str)
def test_an_endless_log_is_stopped_after_the_requests_that_its_count_can_need(
    total: int | None, bound: int
) -> None:
    record = sent(START)

    class Endless:
        requests = 0

        def get(self, path: str, parameters: dict[str, str]) -> dict[str, Any]:
            self.requests += 1
            return page([{**record, "txid": str(self.requests)}], str(self.requests), total)

    answers = Endless()
    log, _, _ = scripted(answers)  # type: ignore[arg-type]
    assert answers.requests <= bound
    assert log.doubts


ALL, SOME = LIMIT + 4, LIMIT + 2
COUNTS: dict[str, tuple[list[Any], int, list[str]]] = {
    "the last page is empty and counts nothing": (
        [ALL, 0],
        LIMIT,
        [
            "Duo counted 1,004 records first and 0 later",
            "Duo showed only 1,000 of the 1,004 records it counted",
        ],
    ),
    "the count is of what is left": (
        [ALL, 4],
        SOME,
        [
            "Duo counted 1,004 records first and 4 later",
            "Duo showed only 1,002 of the 1,004 records it counted",
        ],
    ),
    "the count is of what is left, and all came": (
        [ALL, 4],
        ALL,
        ["Duo counted 1,004 records first and 4 later"],
    ),
    "the count is of each page": (
        [LIMIT, 4],
        ALL,
        ["Duo counted 1,000 records first and 4 later", "Duo showed 1,004 records but counted only 1,000"],
    ),
    "the count is of full pages": ([LIMIT, LIMIT], ALL, ["Duo showed 1,004 records but counted only 1,000"]),
    "the count grows to what comes": ([LIMIT, ALL], ALL, []),
    "the count grows beyond what comes": (
        [LIMIT, ALL],
        SOME,
        ["Duo showed only 1,002 of the 1,004 records it counted"],
    ),
    "the count is a lower bound, and more comes": ([{"relation": "gte", "value": SOME}] * 2, ALL, []),
    "the count is a lower bound that is missed": (
        [{"relation": "gte", "value": ALL}] * 2,
        SOME,
        ["Duo showed only 1,002 of the 1,004 records it counted"],
    ),
    "the count is an object": ([{"relation": "eq", "value": ALL}] * 2, ALL, []),
    "the count is a float": ([float(ALL)] * 2, ALL, []),
    "the count is text of too many digits": (["9" * 5000] * 2, ALL, []),
}


@pytest.mark.parametrize(("totals", "shown", "doubts"), COUNTS.values(), ids=COUNTS.keys())
def test_the_highest_count_is_compared_with_the_records_that_came(
    totals: list[Any], shown: int, doubts: list[str]
) -> None:
    records = spread(START, shown)
    pages = page(records[:LIMIT], "a", totals[0]), page(records[LIMIT:], None, totals[1])
    log, found, _ = scripted(Answers(*pages))
    assert records_of(found) == records
    assert log.doubts == doubts


@pytest.mark.parametrize("older", [1, 2, 10])
def test_repeats_of_older_pages_do_not_make_up_for_missing_records(older: int) -> None:
    records = spread(START, 13)
    pages = [page([one], str(n), total=14) for n, one in enumerate(records)]
    pages.append(page([records[-older]], None, total=14))
    log, found, _ = scripted(Answers(*pages))
    assert {one["telephony_id"] for one in records_of(found)} == {one["telephony_id"] for one in records}
    assert log.doubts == ["Duo showed only 13 of the 14 records it counted"]


def test_repeated_rejects_do_not_make_up_for_missing_records() -> None:
    log, _, rejects = scripted(
        Answers(page([*spread(START, 2), {"txid": "a"}, {"txid": "a"}], None, total=4))
    )
    assert len(rejects) == 1
    assert log.doubts == ["Duo showed only 3 of the 4 records it counted"]


@pytest.mark.parametrize("reject", [{"txid": "a"}, Reject(b'{"credits":9}', "why"), "text"], ids=repr)
def test_beside_what_cannot_land_the_count_does_not_end_the_reading(reject: Any) -> None:
    one, other = spread(START, 2)
    log, found, _ = scripted(Answers(page([one, reject], "a", total=2), page([other], None, total=2)))
    assert records_of(found) == [one, other]
    assert log.doubts == []


def test_an_entry_without_a_time_is_a_doubt_about_every_hour_of_the_query() -> None:
    answers = Answers(page([sent(START), {"txid": "a"}], None, total=2))
    assert scripted(answers)[0].doubts == []
    assert scripted(answers, hours=2)[0].doubts == [
        "Duo showed items without a readable time (1), which may belong to any of these hours"
    ]


def test_records_of_hours_that_were_not_requested_are_a_doubt_and_are_kept() -> None:
    strange = sent(START - 5 * HOUR)
    log, _, rejects = scripted(Answers(page([sent(START), strange], None, total=2)))
    assert [reject.sent for reject in rejects] == [strange]
    assert log.doubts == ["Duo showed records of hours that were not requested"]


@pytest.mark.parametrize(
    "time",
    [
        {"ts": None, "timestamp": int(START.timestamp()) + 7},
        {"ts": "", "isotimestamp": f"{START + timedelta(seconds=7):%Y-%m-%dT%H:%M:%S}+00:00"},
        {"ts": "yesterday", "timestamp": START.timestamp() + 7.5},
    ],
    ids=["v1", "isotimestamp", "an unreadable ts"],
)
def test_a_record_without_a_readable_ts_gets_its_time_from_an_older_field(time: dict[str, Any]) -> None:
    record = {**sent(START), **time}
    log, found, rejects = scripted(Answers(page([record], None, total=1)))
    assert (found, rejects, log.doubts) == ({START: [record]}, [], [])


def test_a_page_that_repeats_the_previous_page_does_not_end_the_reading() -> None:
    first, second = spread(START, 6)[:3], spread(START, 6)[3:]
    answers = Answers(
        {"items": first, "metadata": {"next_offset": "a"}},
        {"items": first, "metadata": {"next_offset": "b"}},
        {"items": second, "metadata": {}},
    )
    log = TelephonyLog(answers, START, START + HOUR)  # type: ignore[arg-type]
    assert [entry.sent for _, entries in log.hours() for entry in entries] == [*first, *second]


def test_entries_that_are_not_records_do_not_end_the_reading_early() -> None:
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
        ({"metadata": {}}, DuoRefusal),
        ({"items": {}}, DuoRefusal),
        ({"items": [{}], "metadata": []}, None),
        ({"items": [{}], "metadata": "x"}, DuoRefusal),
        ({"items": [{}], "metadata": {"next_offset": 7}}, DuoContradiction),
        ({"items": [], "metadata": {"total_objects": True}}, None),
    ],
)
def test_an_answer_of_an_unexpected_shape_is_never_taken_for_an_empty_log(
    response: dict[str, Any], error: type[Exception] | None
) -> None:
    answers = Answers(response)
    log = TelephonyLog(answers, START, START + HOUR)  # type: ignore[arg-type]
    if error is None:
        assert sum(len(list(entries)) for _, entries in log.hours()) == len(response["items"])
    else:
        with pytest.raises(error, match="report it"):
            list(log.hours())
    assert answers.requests == 1


def test_records_out_of_order_are_an_error() -> None:
    late, early = sent(START + HOUR), sent(START)
    log = TelephonyLog(Answers({"items": [late, early]}), START, START + 2 * HOUR)  # type: ignore[arg-type]
    with pytest.raises(DuoContradiction, match="not in order of time"):
        for _, entries in log.hours():
            list(entries)


@pytest.mark.parametrize("kind", ["429", "500", "502", "503", "reset", "cut", "garbage", "not_ok"])
@pytest.mark.parametrize("page", [0, 1, 2])
def test_a_temporary_failure_of_any_page_loses_nothing(duo: ServedDuo, kind: Any, page: int) -> None:
    records = spread(START, 2 * LIMIT + 5, hours=2)
    duo.api.log = FixedLog(records)
    duo.api.knobs = Knobs(faults=(Fault(kind=kind, after=page),))
    assert records_of(read(duo, hours=2)[1]) == records
    assert len(duo.api.requests) == 4


def test_the_hours_before_a_page_that_fails_for_good_are_complete(duo: ServedDuo) -> None:
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


def test_a_page_is_requested_only_when_it_is_needed(duo: ServedDuo) -> None:
    duo.api.log = FixedLog(spread(START, 3 * LIMIT, hours=3))
    log = TelephonyLog(api_of(duo), START, START + 3 * HOUR)
    _, entries = next(log.hours())
    next(entries)
    assert len(duo.api.requests) == 1


def test_each_page_is_reported_with_the_records_so_far_and_the_total(duo: ServedDuo) -> None:
    duo.api.log = FixedLog(spread(START, LIMIT + 1))
    reported: list[tuple[int, int]] = []

    def on_page(log: TelephonyLog) -> None:
        reported.append((log.received, log.total.value if log.total else 0))

    for _, entries in TelephonyLog(api_of(duo), START, START + HOUR, on_page).hours():
        list(entries)
    assert reported == [(LIMIT, LIMIT + 1), (LIMIT + 1, LIMIT + 1)]
