import hashlib
from datetime import timedelta

import pytest
import requests

from duo_pipeline.sandbox.admin_api import AdminApi

from .duo_caller import HOUR, LOG, Clock, DuoCaller


@pytest.mark.parametrize("with_port", [True, False])
@pytest.mark.parametrize(("version", "digest"), [(5, "sha512"), (2, "sha512"), (2, "sha1")])
def test_signatures_of_version_5_and_2_are_accepted(
    duo: DuoCaller, version: int, digest: str, with_port: bool
) -> None:
    answer = duo.get(
        params={**HOUR, "sort": "ts:asc", "anything": "a b~é/+"},
        version=version,
        digest=getattr(hashlib, digest),
        with_port=with_port,
    )
    assert answer.status_code == 200


def test_x_duo_headers_are_part_of_the_signature_of_version_5(duo: DuoCaller) -> None:
    assert duo.get(params=HOUR, headers={"X-Duo-B": "2", "X-Duo-A": "1"}).status_code == 200


@pytest.mark.parametrize(
    ("mistake", "code"),
    [
        ({"drop": "Authorization"}, 40101),
        ({"ikey": "DIYYYYYYYYYYYYYYYYYY"}, 40102),
        ({"skey": "another"}, 40103),
        ({"version": 5, "digest": hashlib.sha1}, 40103),
        ({"drop": "Date"}, 40104),
    ],
)
def test_a_request_with_a_wrong_signature_is_refused(
    duo: DuoCaller, mistake: dict[str, object], code: int
) -> None:
    answer = duo.get(LOG, HOUR, **mistake)  # type: ignore[arg-type]
    assert answer.status_code == 401
    assert answer.json()["code"] == code


def test_a_signature_of_other_parameters_is_refused(duo: DuoCaller) -> None:
    signed = duo.get(params=HOUR).request
    assert signed.url
    signed.url = signed.url.replace("maxtime=1", "maxtime=2")
    with requests.Session() as session:
        assert session.send(signed, timeout=10).json()["code"] == 40103


@pytest.mark.parametrize(("minutes", "status"), [(4, 200), (-4, 200), (6, 401), (-6, 401)])
def test_the_date_may_be_five_minutes_off(duo: DuoCaller, clock: Clock, minutes: int, status: int) -> None:
    answer = duo.get(params=HOUR, date=clock.now + timedelta(minutes=minutes))
    assert answer.status_code == status
    assert answer.json().get("code") == (None if status == 200 else 40105)


def test_each_answer_has_the_date_of_the_servers_clock(duo: DuoCaller, api: AdminApi) -> None:
    assert duo.get(params=HOUR).headers["Date"] == "Fri, 20 Nov 2026 14:00:00 GMT"
    assert duo.get(params={}).headers["Date"] == "Fri, 20 Nov 2026 14:00:00 GMT"
    assert api.statuses == {200: 1, 400: 1}
