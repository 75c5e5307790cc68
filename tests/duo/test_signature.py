import base64

import duo_client.client
from hypothesis import given
from hypothesis import strategies as st

from duo_pipeline.duo.signature import canonical_parameters, sign

SKEY = "Zh5eGmUq9zpfQnyUIu5OL9iWoMMv5ZNmk3zLJ4Ep"
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)


def test_the_signature_equals_a_known_signature_of_version_5() -> None:
    signature = sign(
        SKEY,
        date="Tue, 25 Oct 2022 16:09:45 -0000",
        host="api-XXXXXXXX.duosecurity.com",
        path="/admin/v2/logs/telephony",
        parameters={
            "sort": "ts:asc",
            "next_offset": "1666714065304,5bf1a860-fe39-49e3-be29-217659663a74",
            "mintime": "1664576469635",
            "maxtime": "1666714185304",
            "limit": "1000",
        },
    )
    assert signature == (
        "7efe4ce996c92428666f358a9b501ecd0ddf5ca97173f0abf08006e9088a617e"
        "c686bbe23da89b56b0a5f2db8924d5c19d87c85d8d21023295e12d3fcd5654ee"
    )


def test_parameters_are_encoded_and_sorted_as_duo_does_it() -> None:
    assert canonical_parameters({"b": "1,2 3", "a": "x~y/é", "A": "%"}) == "A=%25&a=x~y%2F%C3%A9&b=1%2C2%203"


@given(parameters=st.dictionaries(TEXT, TEXT, max_size=6), skey=TEXT, date=TEXT)
def test_the_signature_equals_that_of_duos_own_client(
    parameters: dict[str, str], skey: str, date: str
) -> None:
    path, host = "/admin/v2/logs/telephony", "API-1.duosecurity.com"
    normal = duo_client.client.normalize_params(parameters)
    basic = duo_client.client.sign("DI", skey, "GET", host, path, date, 5, normal, body="")
    theirs = base64.b64decode(basic.removeprefix("Basic ")).decode().removeprefix("DI:")
    assert sign(skey, date=date, host=host, path=path, parameters=parameters) == theirs
