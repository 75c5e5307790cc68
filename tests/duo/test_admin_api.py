"""Tests of one request: how it is signed, when it is retried, and which errors it raises."""

import email.utils
import gzip
import socket
from typing import Any

import pytest
import requests

from duo_pipeline import __version__
from duo_pipeline.duo.errors import DuoError, DuoRefusal, DuoUnavailable
from duo_pipeline.duo.signature import sign
from tests.duo.wire import HOST, NOW, OK, PATH, Answer, Machine, Wire, fail
from tests.records import IKEY, SKEY


def refused(machine: Machine, answer: Answer) -> str:
    wire = Wire(answer)
    with pytest.raises(DuoRefusal) as caught:
        machine.api(wire).get(PATH, {})
    assert len(wire.requests) == 1
    assert not machine.slept
    return str(caught.value)


def test_each_request_names_the_child_account_and_signs_it(machine: Machine) -> None:
    wire = Wire(fail(42901), Answer())
    machine.api(wire, account_id="DACHILD").get(PATH, {"sort": "ts:asc"})
    for request in wire.requests:
        assert request.url == f"https://api-1.duosecurity.com{PATH}?account_id=DACHILD&sort=ts%3Aasc"
        parameters = {"account_id": "DACHILD", "sort": "ts:asc"}
        date = request.headers["Date"]
        signature = sign(SKEY, date=date, host=HOST.name, path=PATH, parameters=parameters)
        assert request.headers["Authorization"] == requests.auth._basic_auth_str(IKEY, signature)
    assert len(wire.requests) == 2


def test_a_request_has_a_signature_a_date_and_a_user_agent(machine: Machine) -> None:
    wire = Wire(Answer())
    api = machine.api(wire)
    assert api.get(PATH, {"sort": "ts:asc", "mintime": "1"}) == OK["response"]
    (request,) = wire.requests
    assert request.url == f"https://api-1.duosecurity.com{PATH}?mintime=1&sort=ts%3Aasc"
    date = request.headers["Date"]
    assert email.utils.parsedate_to_datetime(date).timestamp() == NOW
    parameters = {"sort": "ts:asc", "mintime": "1"}
    signature = sign(SKEY, date=date, host=HOST.name, path=PATH, parameters=parameters)
    assert request.headers["Authorization"] == requests.auth._basic_auth_str(IKEY, signature)
    assert request.headers["User-Agent"] == f"duo-pipeline/{__version__}"
    assert api.requests_sent == 1


def test_tls_is_verified_and_timeouts_are_set(machine: Machine) -> None:
    wire = Wire(Answer())
    machine.api(wire).get(PATH, {})
    assert wire.options[0]["verify"] is not False
    connect, read = wire.options[0]["timeout"]
    assert 0 < connect <= 30
    assert 0 < read <= 60


def test_each_try_has_a_new_date_and_a_new_signature(machine: Machine) -> None:
    wire = Wire(fail(42901), Answer())
    machine.api(wire).get(PATH, {})
    first, second = wire.requests
    assert first.headers["Date"] != second.headers["Date"]
    assert first.headers["Authorization"] != second.headers["Authorization"]


def test_tries_within_one_second_have_dates_a_second_apart(machine: Machine) -> None:
    wire = Wire(
        fail(42901, headers={"Retry-After": "0"}), fail(42901, headers={"Retry-After": "0"}), Answer()
    )
    machine.api(wire, retry_base_seconds=0).get(PATH, {})
    dates = [email.utils.parsedate_to_datetime(one.headers["Date"]).timestamp() for one in wire.requests]
    assert dates == [NOW, NOW + 1, NOW + 2]


def test_waits_double_up_to_two_minutes(machine: Machine) -> None:
    with pytest.raises(DuoUnavailable, match=r"too many requests.* \(tried 8 times\): this may be temporary"):
        machine.api(Wire(fail(42901))).get(PATH, {})
    assert machine.slept == [30, 60, 120, 120, 120, 120, 120]


def test_jitter_makes_a_wait_longer_but_no_longer_than_two_minutes(machine: Machine) -> None:
    api = machine.api(Wire(fail(42901)), jitter=lambda: 1.0, retry_attempts=4)
    with pytest.raises(DuoUnavailable):
        api.get(PATH, {})
    assert machine.slept == [37.5, 75, 120]


def test_each_wait_is_reported_with_its_reason(machine: Machine) -> None:
    machine.api(Wire(fail(42901), Answer())).get(PATH, {})
    ((reason, seconds),) = machine.waits
    assert "42901" in reason
    assert seconds == 30


@pytest.mark.parametrize("text", ["7", email.utils.formatdate(NOW + 7, usegmt=True)])
def test_retry_after_is_honoured(machine: Machine, text: str) -> None:
    machine.api(Wire(fail(42901, headers={"Retry-After": text}), Answer())).get(PATH, {})
    assert machine.slept == [7]


def test_a_retry_after_of_more_than_15_minutes_is_left_to_the_next_tick(machine: Machine) -> None:
    assert "asks to wait 901 s" in refused(machine, fail(42901, headers={"Retry-After": "901"}))
    assert "asks to wait" in refused(machine, fail(42901, headers={"Retry-After": "9" * 400}))


@pytest.mark.parametrize("text", ["0", "soon", "-5", "1.5 s", "Fri, 31 Dec 99999 23:59:59 GMT"])
def test_a_retry_after_that_makes_no_sense_is_ignored(machine: Machine, text: str) -> None:
    machine.api(Wire(fail(42901, headers={"Retry-After": text}), Answer())).get(PATH, {})
    assert machine.slept == [30]


TRANSIENT: dict[str, Answer | Exception] = {
    "429 without a code": Answer(429, b"slow down"),
    "a code of 429 in a 200": fail(42901, status=200),
    "HTML in a 502": Answer(502, b"<html>Bad gateway</html>"),
    "a 503 with a code": fail(50300),
    "no JSON": Answer(200, b"<html>"),
    "JSON that is cut off": Answer(200, b'{"stat": "OK", "response": {"items": ['),
    "no object": Answer(200, []),
    "a body shorter than announced": Answer(200, b'{"stat"', {"Content-Length": "100"}),
    "a broken encoding": Answer(200, gzip.compress(b"{}")[:5], {"Content-Encoding": "gzip"}),
    "a reset": requests.ConnectionError(ConnectionResetError()),
    "no answer in time": requests.ReadTimeout(),
    "no connection in time": requests.ConnectTimeout(),
    "a name server that does not answer": requests.ConnectionError(socket.gaierror(socket.EAI_AGAIN, "")),
}


@pytest.mark.parametrize("answer", TRANSIENT.values(), ids=TRANSIENT.keys())
def test_a_temporary_failure_is_retried(machine: Machine, answer: Answer | Exception) -> None:
    wire = Wire(answer, Answer())
    api = machine.api(wire)
    assert api.get(PATH, {}) == OK["response"]
    assert len(wire.requests) == api.requests_sent == 2


@pytest.mark.parametrize(
    ("code", "cure"),
    [
        (40002, "open an issue"),
        (40101, "DUO_IKEY"),
        (40102, "DUO_IKEY"),
        (40103, "DUO_SKEY"),
        (40301, "Grant read log"),
        (40401, "DUO_API_HOST"),
        (40999, "look up this code"),
    ],
)
def test_a_refusal_is_not_retried_and_says_what_to_do(machine: Machine, code: int, cure: str) -> None:
    text = refused(machine, fail(code, message="Reworded by Duo", message_detail="mintime"))
    assert str(code) in text
    assert cure in text
    assert "Reworded by Duo; mintime" in text


@pytest.mark.parametrize(("days", "cure"), [(200, "180 days"), (10, "a bug in duo-pipeline")])
def test_only_an_old_hour_is_said_to_be_too_old(machine: Machine, days: int, cure: str) -> None:
    wire = Wire(fail(40002, message="Invalid request parameters", message_detail="sort"))
    with pytest.raises(DuoRefusal, match=cure):
        machine.api(wire).get(PATH, {"mintime": str(int(NOW - days * 86_400) * 1000)})


def test_an_error_code_in_a_200_is_an_error(machine: Machine) -> None:
    assert "DUO_SKEY" in refused(machine, fail(40103, status=200))


@pytest.mark.parametrize(("seconds", "words"), [(-312, "312 s ahead of"), (45, "45 s behind")])
def test_clock_skew_is_reported_in_seconds(machine: Machine, seconds: int, words: str) -> None:
    theirs = email.utils.formatdate(NOW + seconds, usegmt=True)
    assert words in refused(machine, fail(40105, headers={"Date": theirs}))


def test_clock_skew_without_duos_date_still_says_what_to_do(machine: Machine) -> None:
    assert "NTP" in refused(machine, fail(40105))


@pytest.mark.parametrize("body", [{"stat": "OK"}, {"stat": "OK", "response": []}], ids=str)
def test_an_answer_without_a_response_is_not_asked_for_again(machine: Machine, body: dict[str, Any]) -> None:
    assert "sent no response" in refused(machine, Answer(200, body))


def test_what_a_response_holds_is_not_the_clients_business(machine: Machine) -> None:
    assert machine.api(Wire(Answer(200, {"stat": "OK", "response": {"name": "a"}}))).get(PATH, {}) == {
        "name": "a"
    }


def test_no_secret_or_phone_number_gets_from_duos_message_into_the_error(machine: Machine) -> None:
    text = refused(machine, fail(40103, message=f"{SKEY} {IKEY} +1 312-555-0123"))
    for secret in (SKEY, IKEY, "555"):
        assert secret not in text


def test_the_error_describes_the_last_failure(machine: Machine) -> None:
    with pytest.raises(DuoError, match=r"did not answer in time \(tried 2 times\)"):
        machine.api(Wire(requests.ReadTimeout()), retry_attempts=2).get(PATH, {})


def test_a_netrc_file_does_not_replace_the_signature(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / ".netrc").write_text("machine api-1.duosecurity.com login other password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    wire = Wire(Answer())
    machine.api(wire).get(PATH, {})
    assert wire.requests[0].headers["Authorization"] != requests.auth._basic_auth_str("other", "other")
