import json
from datetime import timedelta
from typing import Any, Literal

import pytest
import requests

from duo_pipeline.sandbox.admin_api import AdminApi
from duo_pipeline.sandbox.knobs import Knobs
from duo_pipeline.sandbox.log import FixedLog, Record

from .duo_caller import HOUR, LOG, START, Clock, DuoCaller, millis, record

RECORDS = [record(n) for n in range(25)]


def test_the_items_are_exactly_the_records_of_the_log(duo: DuoCaller) -> None:
    response = duo.log()
    assert response["items"] == RECORDS
    assert response["metadata"]["total_objects"] == 25


def test_by_default_the_newest_come_first_and_a_page_has_100_items(duo: DuoCaller, api: AdminApi) -> None:
    api.log = FixedLog(record(n) for n in range(150))
    items = duo.get(params=HOUR).json()["response"]["items"]
    assert items == [record(n) for n in range(149, 49, -1)]


def test_the_cursor_is_the_floored_millisecond_and_the_id_of_the_last_item(
    duo: DuoCaller, api: AdminApi
) -> None:
    api.log = FixedLog([record(5, ts="2026-11-20T12:00:05.123999+00:00")])
    offset = duo.log()["metadata"]["next_offset"]
    assert offset == f"{millis(START) + 5123},{record(5)['telephony_id']}"


@pytest.mark.parametrize("cursor", ["string", "list"])
@pytest.mark.parametrize("sort", ["ts:asc", "ts:desc"])
@pytest.mark.parametrize("limit", [1, 4, 5, 24, 25, 26])
def test_pages_follow_each_other_without_a_gap_or_a_repeat(
    duo: DuoCaller, api: AdminApi, limit: int, sort: str, cursor: Literal["string", "list"]
) -> None:
    api.knobs = Knobs(cursor=cursor)
    pages = duo.pages(limit=limit, sort=sort)
    assert all(len(page) == limit for page in pages[:-1])
    assert [row for page in pages for row in page] == (RECORDS if sort == "ts:asc" else RECORDS[::-1])


@pytest.mark.parametrize("sort", ["ts:asc", "ts:desc"])
@pytest.mark.parametrize("limit", [3, 4, 5, 7])
def test_pages_follow_each_other_even_if_records_share_a_millisecond_or_an_id(
    duo: DuoCaller, api: AdminApi, limit: int, sort: str
) -> None:
    same_millisecond = [record(n, ts=f"2026-11-20T12:30:00.0009{99 - n:02}+00:00") for n in range(9)]
    same_id = [record(40, txid=f"{n}") for n in range(3)]
    records = [record(1), *same_id, *reversed(same_millisecond), record(3000)]
    api.log = FixedLog(records)
    pages = duo.pages(limit=limit, sort=sort)
    assert [row for page in pages for row in page] == (records if sort == "ts:asc" else records[::-1])


def test_the_same_cursor_returns_the_same_page(duo: DuoCaller, api: AdminApi) -> None:
    api.log = FixedLog([record(1), *(record(40, txid=f"{n}") for n in range(3)), record(50)])
    offset = duo.log(limit=3)["metadata"]["next_offset"]
    page = duo.log(limit=3, next_offset=offset)
    assert page["items"] == [record(40, txid="2"), record(50)]
    assert duo.log(limit=3, next_offset=offset) == page


@pytest.mark.parametrize(
    ("last_cursor", "expected"),
    [("present", "last"), ("null", None), ("absent", "absent"), ("unchanged", "sent")],
)
def test_the_last_page_has_the_cursor_that_the_knob_chooses(
    duo: DuoCaller,
    api: AdminApi,
    last_cursor: Literal["present", "null", "absent", "unchanged"],
    expected: str | None,
) -> None:
    api.knobs = Knobs(last_cursor=last_cursor)
    sent = duo.log(limit=20)["metadata"]["next_offset"]
    last = f"{millis(START) + 24_000},{RECORDS[-1]['telephony_id']}"
    metadata = duo.log(limit=20, next_offset=sent)["metadata"]
    assert metadata.get("next_offset", "absent") == {"last": last, "sent": sent}.get(expected or "", expected)


@pytest.mark.parametrize(
    ("total", "shown"),
    [("integer", {"total_objects": 28}), ("object", {"total_objects": {"relation": "eq", "value": 28}})],
)
def test_the_total_counts_the_whole_query_as_a_number_or_an_object(
    duo: DuoCaller, api: AdminApi, total: Literal["integer", "object"], shown: dict[str, Any]
) -> None:
    api.knobs = Knobs(total=total, total_difference=3)
    metadata = duo.log(limit=2)["metadata"]
    del metadata["next_offset"]
    assert metadata == shown


def test_the_total_may_be_absent(duo: DuoCaller, api: AdminApi) -> None:
    api.knobs = Knobs(total="absent")
    assert "total_objects" not in duo.log()["metadata"]


def test_pages_may_begin_with_records_of_the_previous_page(duo: DuoCaller, api: AdminApi) -> None:
    api.knobs = Knobs(repeats=2)
    assert duo.pages(limit=10) == [RECORDS[:10], RECORDS[8:18], RECORDS[16:25]]


def test_pages_may_be_shorter_than_the_limit(duo: DuoCaller, api: AdminApi) -> None:
    api.knobs = Knobs(page_size=9)
    assert [len(page) for page in duo.pages()] == [9, 9, 7]


@pytest.mark.parametrize(("compare", "found"), [("exact", 2), ("floored", 3)])
def test_both_bounds_are_inclusive_and_compared_exactly_or_floored(
    duo: DuoCaller, api: AdminApi, compare: Literal["exact", "floored"], found: int
) -> None:
    seconds = ("11:59:59.999999", "12:00:00.000000", "13:00:00.000000", "13:00:00.000999", "13:00:00.001000")
    api.log = FixedLog(record(n, ts=f"2026-11-20T{at}+00:00") for n, at in enumerate(seconds))
    api.knobs = Knobs(compare=compare)
    assert [row["ts"][11:26] for row in duo.log()["items"]] == list(seconds[1 : 1 + found])


def test_many_hours_can_be_read_completely(duo: DuoCaller, api: AdminApi, clock: Clock) -> None:
    clock.now = START + timedelta(days=3)
    records = [record(n * 1800) for n in range(100)]
    api.log = FixedLog(records)
    span = {"mintime": millis(START), "maxtime": millis(START + timedelta(hours=49, minutes=15))}
    assert [row for page in duo.pages(limit=33, **span) for row in page] == records[:99]


@pytest.mark.parametrize(
    ("knobs", "ts", "txid"),
    [
        (Knobs(), "2026-11-20T12:00:00.000000+00:00", record(0)["txid"]),
        (Knobs(ts_zone="Z"), "2026-11-20T12:00:00.000000Z", record(0)["txid"]),
        (Knobs(ts_fraction="when_needed"), "2026-11-20T12:00:00+00:00", record(0)["txid"]),
        (Knobs(txid="empty"), "2026-11-20T12:00:00.000000+00:00", ""),
        (Knobs(txid="null", ts_zone="Z", ts_fraction="when_needed"), "2026-11-20T12:00:00Z", None),
    ],
)
def test_ts_and_txid_have_the_notation_that_the_knobs_choose(
    duo: DuoCaller, api: AdminApi, knobs: Knobs, ts: str, txid: str | None
) -> None:
    api.knobs = knobs
    assert duo.log()["items"][0] == {**record(0), "ts": ts, "txid": txid}


def test_an_item_that_is_not_a_record_is_sent_unchanged(duo: DuoCaller, api: AdminApi) -> None:
    api.knobs = Knobs(ts_zone="Z")
    api.log = FixedLog([record(0), "no object", None])
    assert duo.log()["items"][:2] == ["no object", None]


def test_records_younger_than_two_minutes_are_not_shown(duo: DuoCaller, api: AdminApi, clock: Clock) -> None:
    clock.now = START + timedelta(seconds=130)
    response = duo.log()
    assert response["items"] == RECORDS[:11]
    assert response["metadata"]["total_objects"] == 11
    api.knobs = Knobs(visible_delay_seconds=0)
    assert duo.log()["items"] == RECORDS


def test_late_records_are_shown_after_their_delay_and_are_always_the_same_ones(
    duo: DuoCaller, api: AdminApi, clock: Clock
) -> None:
    api.knobs = Knobs(late_share=0.4, late_seconds=3 * 3600)
    early: list[Record] = duo.log()["items"]
    assert 0 < len(early) < 25
    assert duo.log()["items"] == early
    assert duo.log()["metadata"]["total_objects"] == len(early)
    clock.now = START + timedelta(hours=3, seconds=12)
    assert duo.log()["items"] == [row for row in RECORDS if row in early or row in RECORDS[:13]]
    clock.now = START + timedelta(hours=4)
    assert duo.log()["items"] == RECORDS


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, 40001),
        ({"mintime": HOUR["mintime"]}, 40001),
        ({"maxtime": HOUR["maxtime"]}, 40001),
        ({"mintime": HOUR["mintime"] // 1000, "maxtime": HOUR["maxtime"]}, 40002),
        ({"mintime": HOUR["mintime"], "maxtime": HOUR["mintime"]}, 40002),
        ({**HOUR, "limit": 1001}, 40002),
        ({**HOUR, "limit": 0}, 40002),
        ({**HOUR, "limit": "all"}, 40002),
        ({**HOUR, "sort": "asc"}, 40002),
        ({**HOUR, "sort": ["ts:asc", "ts:asc"]}, 40002),
        ({**HOUR, "next_offset": "1666714065304"}, 40002),
        ({**HOUR, "next_offset": ["1666714065304", "5bf1a860"]}, 40002),
    ],
)
def test_missing_or_wrong_parameters_are_refused(duo: DuoCaller, params: dict[str, Any], code: int) -> None:
    assert duo.code(**params) == code


def test_a_mintime_of_more_than_180_days_ago_is_refused(duo: DuoCaller, clock: Clock) -> None:
    oldest = millis(clock.now - timedelta(days=180))
    assert duo.log(mintime=oldest)["items"] == RECORDS
    answer = duo.get(params={**HOUR, "mintime": oldest - 1})
    assert answer.status_code == 400
    assert answer.json() == {
        "stat": "FAIL",
        "code": 40002,
        "message": "Invalid request parameters",
        "message_detail": "mintime must be within the past 180 days",
    }


@pytest.mark.parametrize("path", ["/admin/v2/logs/telephone", "/", "/admin/v1/logs/telephony"])
def test_an_unknown_path_is_refused(duo: DuoCaller, path: str) -> None:
    answer = duo.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, 40401)


def test_a_request_without_the_permission_is_refused(duo: DuoCaller, api: AdminApi) -> None:
    api.knobs = Knobs(grant_read_log=False)
    assert duo.code(**HOUR) == 40301
    assert duo.get("/admin/v1/info/summary").status_code == 200
    api.knobs = Knobs(grant_read_information=False)
    assert duo.get("/admin/v1/info/summary").json()["code"] == 40301
    assert duo.log()["items"] == RECORDS


def test_requests_above_the_limit_are_refused_and_count_until_a_minute_has_passed(
    duo: DuoCaller, api: AdminApi, clock: Clock
) -> None:
    api.knobs = Knobs(requests_per_minute=2)
    duo.log()
    duo.log()
    refused = duo.get(params=HOUR)
    assert (refused.status_code, refused.json()["code"]) == (429, 42901)
    assert "Retry-After" not in refused.headers
    clock.now += timedelta(seconds=59)
    assert [duo.code(**HOUR), duo.code(**HOUR)] == [42901, 42901]
    clock.now += timedelta(seconds=2)
    assert duo.code(**HOUR) == 42901
    clock.now += timedelta(seconds=60)
    assert duo.log()["items"] == RECORDS


def test_the_rate_limit_may_send_a_retry_after_that_is_long_enough(
    duo: DuoCaller, api: AdminApi, clock: Clock
) -> None:
    api.knobs = Knobs(requests_per_minute=1, send_retry_after=True)
    duo.log()
    clock.now += timedelta(seconds=20)
    clock.now += timedelta(seconds=int(duo.get(params=HOUR).headers["Retry-After"]))
    assert duo.get(params=HOUR).status_code == 200


def test_requests_are_counted_and_recorded(duo: DuoCaller, api: AdminApi, clock: Clock) -> None:
    duo.log(limit=7)
    duo.code()
    assert [(one.path, one.status, one.at) for one in api.requests] == [
        (LOG, 200, clock.now),
        (LOG, 400, clock.now),
    ]
    assert api.requests[0].params["limit"] == "7"
    counts = requests.get(f"{duo.url}/sandbox/requests", timeout=10).json()
    assert counts == {"total": 2, "by_status": {"200": 1, "400": 1}}


def test_the_summary_has_the_credits_that_remain(duo: DuoCaller) -> None:
    assert duo.get("/admin/v1/info/summary").json()["response"]["telephony_credits_remaining"] > 0


def test_knobs_can_be_read_and_set_over_http(duo: DuoCaller, api: AdminApi) -> None:
    answer = requests.put(f"{duo.url}/sandbox/knobs", json={"page_size": 3}, timeout=10)
    assert answer.status_code == 200
    assert api.knobs == Knobs(page_size=3)
    assert Knobs(**requests.get(f"{duo.url}/sandbox/knobs", timeout=10).json()) == api.knobs


@pytest.mark.parametrize("body", ['{"page_sise": 3}', "[]", "nonsense"])
def test_invalid_knobs_change_nothing(duo: DuoCaller, api: AdminApi, body: str) -> None:
    answer = requests.put(f"{duo.url}/sandbox/knobs", data=body, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert api.knobs == Knobs()


def test_sandbox_records_returns_all_records_even_those_that_are_not_shown_yet(
    duo: DuoCaller, api: AdminApi, clock: Clock
) -> None:
    clock.now = START
    api.knobs = Knobs(ts_zone="Z", late_share=1, late_seconds=3600)
    span = {"mintime": millis(START) + 1000, "maxtime": millis(START) + 4000}
    lines = requests.get(f"{duo.url}/sandbox/records", params=span, timeout=10).text.splitlines()
    assert len(lines) == 3
    clock.now = START + timedelta(hours=2)
    assert [json.loads(line) for line in lines] == duo.log()["items"][1:4]


def test_a_child_account_has_its_own_log_and_an_unknown_one_is_refused(duo: DuoCaller, api: AdminApi) -> None:
    api.children = {"DACHILD": FixedLog([record(7)])}
    assert duo.log(account_id="DACHILD")["items"] == [record(7)]
    assert duo.log()["items"] == RECORDS
    assert duo.code(**HOUR, account_id="DAOTHER") == 40002
