"""Tests that Duo's own client can read the emulated API."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import duo_client
import pytest

from duo_pipeline.sandbox.admin_api import AdminApi
from duo_pipeline.sandbox.log import GeneratedLog
from duo_pipeline.sandbox.serving import serve

from .duo_caller import IKEY, SKEY, millis

GENERATOR = GeneratedLog(records_per_day=10_000)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Return the port of an API that uses the machine's clock, as duo_client does."""
    with serve(AdminApi(IKEY, SKEY, log=GENERATOR)) as url:
        yield urlsplit(url).port or 0


def admin(port: int, **options: Any) -> duo_client.Admin:
    # ca_certs="HTTP" makes duo_client use plain HTTP.
    return duo_client.Admin(IKEY, SKEY, "127.0.0.1", ca_certs="HTTP", port=port, **options)


@pytest.mark.parametrize("version", [5, 2])
def test_duo_client_reads_all_pages(port: int, version: int) -> None:
    start = (datetime.now(UTC) - timedelta(hours=9)).replace(minute=0, second=0, microsecond=0)
    expected = [row for n in range(8) for row in GENERATOR.hour(start + timedelta(hours=n))]
    client = admin(port, sig_version=version)
    read: list[dict[str, Any]] = []
    offset = None
    for _ in range(len(expected) // 300 + 1):
        response = client.get_telephony_log(
            mintime=millis(start),
            maxtime=millis(start + timedelta(hours=8)) - 1,
            api_version=2,
            sort="asc",
            limit=300,
            next_offset=offset,
        )
        read += response["items"]
        offset = response["metadata"]["next_offset"]
    added = {"eventtype": "telephony", "host": "127.0.0.1"}
    assert read == [{**row, **added} for row in expected]
    assert response["metadata"]["total_objects"] == len(expected)


def test_duo_client_reads_the_credits(port: int) -> None:
    assert admin(port).get_info_summary()["telephony_credits_remaining"] > 0


def test_duo_client_raises_on_a_refusal(port: int) -> None:
    with pytest.raises(RuntimeError, match="mintime must be within the past 180 days") as refusal:
        admin(port).get_telephony_log(mintime=millis(datetime.now(UTC) - timedelta(days=181)), api_version=2)
    assert refusal.value.status == 400  # type: ignore[attr-defined]
