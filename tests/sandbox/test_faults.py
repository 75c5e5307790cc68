import pytest
import requests

from duo_pipeline.sandbox.admin_api import AdminApi
from duo_pipeline.sandbox.knobs import Fault, Knobs

from .duo_caller import HOUR, DuoCaller


def statuses(duo: DuoCaller, count: int) -> list[int]:
    return [duo.get(params=HOUR).status_code for _ in range(count)]


def test_faults_come_in_order_each_after_its_number_of_right_answers(duo: DuoCaller, api: AdminApi) -> None:
    api.knobs = Knobs(faults=(Fault("502", times=2, after=1), Fault("503", after=1)))
    assert statuses(duo, 6) == [200, 502, 502, 200, 503, 200]
    assert api.statuses == {200: 3, 502: 2, 503: 1}


def test_setting_the_knobs_again_restarts_the_faults(duo: DuoCaller, api: AdminApi) -> None:
    api.knobs = Knobs(faults=(Fault("500"),))
    assert statuses(duo, 2) == [500, 200]
    api.knobs = api.knobs
    assert statuses(duo, 2) == [500, 200]


def test_faults_do_not_affect_other_paths(duo: DuoCaller, api: AdminApi) -> None:
    api.knobs = Knobs(faults=(Fault("500"),))
    assert duo.get("/admin/v1/info/summary").status_code == 200
    assert statuses(duo, 2) == [500, 200]


def test_a_429_is_duos_42901_with_a_retry_after_on_request(duo: DuoCaller, api: AdminApi) -> None:
    api.knobs = Knobs(faults=(Fault("429"), Fault("429", retry_after=7)))
    first, second = duo.get(params=HOUR), duo.get(params=HOUR)
    assert first.json()["code"] == second.json()["code"] == 42901
    assert "Retry-After" not in first.headers
    assert second.headers["Retry-After"] == "7"


def test_a_502_has_html_in_its_body(duo: DuoCaller, api: AdminApi) -> None:
    api.knobs = Knobs(faults=(Fault("502"),))
    answer = duo.get(params=HOUR)
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text.startswith("<html>")


def test_garbage_is_a_200_that_is_not_json(duo: DuoCaller, api: AdminApi) -> None:
    api.knobs = Knobs(faults=(Fault("garbage"),))
    answer = duo.get(params=HOUR)
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_a_200_may_say_that_it_failed(duo: DuoCaller, api: AdminApi) -> None:
    api.knobs = Knobs(faults=(Fault("not_ok"),))
    answer = duo.get(params=HOUR)
    assert answer.status_code == 200
    assert answer.json()["stat"] == "FAIL"


def test_a_reset_reaches_the_client_as_a_reset_connection(duo: DuoCaller, api: AdminApi) -> None:
    api.knobs = Knobs(faults=(Fault("reset"),))
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        duo.get(params=HOUR)
    assert api.requests[-1].status == 0
    assert statuses(duo, 1) == [200]


def test_a_cut_body_reaches_the_client_as_an_incomplete_read(duo: DuoCaller, api: AdminApi) -> None:
    api.knobs = Knobs(faults=(Fault("cut"),))
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        duo.get(params=HOUR)
    assert statuses(duo, 1) == [200]


def test_a_stalled_answer_makes_the_client_time_out(duo: DuoCaller, api: AdminApi) -> None:
    api.knobs = Knobs(faults=(Fault("stall", seconds=60),))
    with pytest.raises(requests.ReadTimeout):
        duo.get(params=HOUR, timeout=0.05)
    assert statuses(duo, 1) == [200]


def test_a_stalled_answer_is_the_right_one_when_it_comes(duo: DuoCaller, api: AdminApi) -> None:
    api.knobs = Knobs(faults=(Fault("stall", seconds=0.01),))
    assert len(duo.log()["items"]) == 25
