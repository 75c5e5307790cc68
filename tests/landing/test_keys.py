"""The names of the objects."""

from datetime import UTC, datetime

import pytest

from duo_pipeline.landing.keys import is_log_key, log_key

HOUR = datetime(2026, 11, 23, 5, tzinfo=UTC)
KEY = "feed/dt=2026-11-23/hour=05/telephony-20261123T05Z-0123456789abcdef.ndjson"


def test_a_log_object_is_named_by_its_hour_and_by_what_is_in_it() -> None:
    assert log_key("feed/", HOUR, "0123456789abcdef" * 4) == KEY
    assert is_log_key("feed/", KEY)


@pytest.mark.parametrize(
    "key",
    [
        "feed/state.json",
        "feed/telephony_20261123.json",
        "feed/dt=2026-11-23/hour=05/",
        KEY.replace("hour=05", "hour=06"),
        KEY.replace("feed/dt=2026-11-23", "feed/dt=2026-11-24"),
        KEY.removesuffix("f.ndjson") + ".ndjson",
        KEY + ".gz",
        KEY.replace("feed/", "feed/more/"),
    ],
)
def test_whatever_is_named_otherwise_is_no_log_object(key: str) -> None:
    assert not is_log_key("feed/", key)
