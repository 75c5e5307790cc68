from datetime import UTC, datetime

import pytest

from duo_pipeline import instants


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2023-03-21T22:34:49.466370+00:00", "2023-03-21T22:34:49.466370Z"),
        ("2023-03-21T22:34:49Z", "2023-03-21T22:34:49Z"),
        ("2023-03-21T22:34:49", "2023-03-21T22:34:49Z"),
        ("2023-03-21T22:34:49.5-05:30", "2023-03-22T04:04:49.5Z"),
        ("2023-03-21T22:34:49.123456789Z", "2023-03-21T22:34:49.123456789Z"),
        ("2024-02-29T23:59:59.999999+01", "2024-02-29T22:59:59.999999Z"),
    ],
)
def test_an_instant_is_converted_to_utc_and_keeps_its_digits(text: str, utc: str) -> None:
    assert instants.parse(text).utc == utc


def test_instants_are_compared_to_the_nanosecond() -> None:
    early = instants.parse("2023-03-21T22:34:49.123456788Z")
    late = instants.parse("2023-03-21T23:34:49.123456789+01:00")
    assert late.ns - early.ns == 1


@pytest.mark.parametrize(
    "text",
    [
        *[
            "",
            "yesterday",
            "2023-03-21",
            "2023-02-30T00:00:00Z",
            "2023-03-21T24:00:00Z",
            "1679438089",
            None,
            1,
            [],
        ],
        *["2023-03-21T22:34:49+99:00", "0001-01-01T00:00:00+01:00", "٢٠٢٣-03-21T22:34:49Z"],
    ],
)
def test_text_that_is_not_a_valid_instant_is_refused(text: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any text
        instants.parse(text)


def test_milliseconds_and_nanoseconds_of_a_datetime_are_exact() -> None:
    moment = datetime(2026, 11, 23, 5, 0, 0, 999_999, tzinfo=UTC)
    assert instants.unix_ms(moment) == 1795410000999
    assert instants.iso(instants.to_ns(moment)) == "2026-11-23T05:00:00.999999Z"
