"""How many requests a range costs, compared with the number of pages."""

from collections.abc import Iterator
from datetime import datetime

from benchmarks.records import HOUR, Records
from benchmarks.rows import Row, requests_row
from benchmarks.world import IKEY, SKEY, World, Worlds
from duo_pipeline.duo.admin_api import AdminApi
from duo_pipeline.duo.host import api_host
from duo_pipeline.duo.telephony_log import TelephonyLog


def rows(worlds: Worlds) -> Iterator[Row]:
    """Read 179 sparse days, and two busy hours: one with a full last page, and one without."""
    start = worlds.end - HOUR * 24 * 179
    yield _row(worlds, "179 sparse days", Records(20_000, start, worlds.end))
    hour = worlds.end - HOUR
    for count in (9_500, 5_000):
        yield _row(worlds, f"one hour of {count:,}", Records(count, hour, worlds.end))


def read(world: World, start: datetime, end: datetime) -> int:
    """Read the log without landing it, and return how many records came."""
    api = AdminApi(api_host(world.duo_url), ikey=IKEY, skey=SKEY, retry_base_seconds=0, retry_attempts=8)
    log = TelephonyLog(api, start, end)
    for _, entries in log.hours():
        for _ in entries:
            pass
    return log.received


def _row(worlds: Worlds, what: str, records: Records) -> Row:
    with worlds.having(records) as world:
        received = read(world, records.start, records.end)
        return requests_row(what, world.requests(), received)
