"""Duo: whether it can be reached, and what it lets the application read. It costs one request."""

import time
from collections.abc import Callable, Mapping, Set
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import combinations
from typing import Any

import requests

from duo_pipeline import instants
from duo_pipeline.config.settings import DuoSettings, HourSettings
from duo_pipeline.defs.partitions import DUO_HISTORY, HOUR
from duo_pipeline.duo.admin_api import AdminApi
from duo_pipeline.duo.bounds import bounded_session
from duo_pipeline.duo.errors import Code, DuoError, DuoUnavailable
from duo_pipeline.duo.no_answer import proxy_of
from duo_pipeline.duo.telephony_log import PATH, items_of
from duo_pipeline.preflight.lines import Group

DAY = timedelta(days=1)
MOST_SKEW_SECONDS = 60
"""Duo allows more. But if the clock is ahead, an hour is read before Duo shows its last records."""

DNS, CONNECTION, TLS, ANSWER = "DNS", "connection", "TLS", "answer"
CLOCK, KEY, SIGNATURE, PERMISSION = "clock", "integration key", "signature", "permission"
HISTORY, LAST_DAY, OWN_RECORDS = "history", "last day", "own records"
LINES = (DNS, CONNECTION, TLS, ANSWER, CLOCK, KEY, SIGNATURE, PERMISSION, HISTORY, LAST_DAY)
COMPARED = 100
"""How many of the newest records of a child account are compared with those of other accounts."""
Newest = Set[tuple[str, str]]
"""The ids and times of an account's newest records."""

FAULTY: Mapping[Code | None, str] = {
    "dns": DNS,
    "connection": CONNECTION,
    "proxy": CONNECTION,
    "tls": TLS,
    40002: HISTORY,
    40101: KEY,
    40102: KEY,
    40103: SIGNATURE,
    40105: CLOCK,
    40301: PERMISSION,
}
"""The line that has failed, by the code of the failure; `ANSWER` for any other code."""
ADVICE = {
    DNS: "Check this machine's network and name server.",
    CONNECTION: "Check this machine's network, and whether a firewall stands in between.",
    TLS: "Check DUO_API_HOST, and whether a proxy is in between.",
    ANSWER: "A run would wait and try again: check again in a few minutes.",
}
_SHARED = (
    "Duo sends the same records for this account and for {}, so each would be delivered twice: Duo's log"
    " seems to ignore account_id. Give each child account an Admin API application of its own, and remove"
    " account_id."
)


def check(
    settings: DuoSettings | None, hours: HourSettings | None, clock: Callable[[], float] = time.time
) -> tuple[Group, Newest]:
    """Ask Duo once for the newest records of the whole time that a run may read.

    If it is a child account, ask for its parent's newest records, too.

    Args:
        settings: The settings of the Duo account; without them, nothing is tried.
        hours: The settings of the hours; without them, the query covers only the last day.
        clock: Unix seconds.

    Returns:
        The lines, and the records for `compare_children`: none unless it is a child account.
    """
    group = Group("Duo", *LINES, *([OWN_RECORDS] if settings and settings.account_id else ()))
    if settings is None:
        return group, frozenset()
    now = datetime.fromtimestamp(clock(), UTC)
    since = now - DAY
    if hours:
        since = max(min(hours.start, since), now - DUO_HISTORY + HOUR)
    session = bounded_session()
    session.hooks["response"].append(lambda response, **_: _look_at_clock(group, response, clock()))
    api = AdminApi(
        settings.host,
        ikey=settings.ikey,
        skey=settings.skey,
        account_id=settings.account_id,
        retry_base_seconds=settings.retry_base_seconds,
        retry_attempts=1,
        session=session,
        clock=clock,
    )
    query = {"mintime": str(instants.unix_ms(since)), "maxtime": str(instants.unix_ms(now))}
    try:
        newest = _newest(api, query)
    except DuoError as error:
        faulty = FAULTY.get(error.code, ANSWER)
        _all_well_before(faulty, group, settings)
        group.fail(faulty, _sentence(error, faulty, since))
        return group, frozenset()
    _all_well_before(HISTORY, group, settings)
    if hours:
        group.ok(
            HISTORY, f"Duo answers queries back to {since:%Y-%m-%d %H:%M} UTC. A run reads no earlier hour."
        )
    _look_at_newest(group, newest, now)
    if not settings.account_id:
        return group, frozenset()
    own = _names_of(newest)
    api.account_id = ""
    try:
        of_parent = _names_of(_newest(api, query))
    except DuoError as error:
        group.warn(OWN_RECORDS, f"The parent account's records could not be read to compare them: {error}")
        return group, own
    if own & of_parent:
        group.fail(OWN_RECORDS, _SHARED.format("the parent account"))
    else:
        group.ok(OWN_RECORDS, f"None of the {len(own)} newest records belongs to the parent account.")
    return group, own


def compare_children(accounts: Mapping[str, tuple[Group, Newest]]) -> None:
    """Fail the line of each child account that has a record of another child account.

    Args:
        accounts: What `check` returned, by the name of the account.
    """
    for (name, (group, own)), (other_name, (other_group, other)) in combinations(accounts.items(), 2):
        if own & other:
            group.fail(OWN_RECORDS, _SHARED.format(other_name))
            other_group.fail(OWN_RECORDS, _SHARED.format(name))


def _newest(api: AdminApi, query: Mapping[str, str]) -> list[Any]:
    return items_of(api.get(PATH, {**query, "limit": str(COMPARED), "sort": "ts:desc"}))


def _names_of(items: list[Any]) -> Newest:
    return {(str(item.get("telephony_id")), str(item.get("ts"))) for item in items if isinstance(item, dict)}


def _all_well_before(line: str, group: Group, settings: DuoSettings) -> None:
    """Mark each line above as OK; the clock was judged when Duo answered."""
    encrypted = settings.host.url.startswith("https://")
    name, proxy = settings.host.name, proxy_of(settings.host)
    sentences = {
        DNS: f"The proxy {proxy} looks {name} up." if proxy else f"{name} has an address.",
        CONNECTION: f"{name} can be reached{f' through the proxy {proxy}' if proxy else ''}.",
        TLS: f"The certificate of {name} is trusted."
        if encrypted
        else "Not encrypted (http://): this is only for loopback.",
        ANSWER: "Duo answers.",
        KEY: "Duo knows the key.",
        SIGNATURE: "Duo accepts the signature.",
        PERMISSION: "The application may read logs.",
    }
    for above in LINES[: LINES.index(line)]:
        if above in sentences:
            group.ok(above, sentences[above])


def _look_at_clock(group: Group, response: requests.Response, now: float) -> None:
    try:
        skew = now - parsedate_to_datetime(response.headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return
    if abs(skew) > MOST_SKEW_SECONDS:
        side = "ahead of" if skew > 0 else "behind"
        group.warn(CLOCK, f"This machine's clock is {abs(skew):.0f} s {side} Duo's: set it (NTP).")
    else:
        group.ok(CLOCK, f"This machine's clock and Duo's differ by {abs(skew):.0f} s.")


def _sentence(error: DuoError, faulty: str, since: datetime) -> str:
    if faulty == HISTORY:
        return (
            f"{error} A run may read back to {since:%Y-%m-%d %H:%M} UTC: set DUO_PARTITIONS_START to the"
            " first hour that Duo still keeps."
        )
    return f"{error} {ADVICE[faulty]}" if isinstance(error, DuoUnavailable) else str(error)


def _look_at_newest(group: Group, newest: list[Any], now: datetime) -> None:
    try:
        at = instants.parse(newest[0]["ts"])
    except (IndexError, KeyError, TypeError, ValueError):
        at = None
    if at and at.ns >= instants.to_ns(now - DAY):
        group.ok(LAST_DAY, f"The newest record is from {at.utc}.")
        return
    newest_is = f" (the newest is from {at.utc})" if at else ""
    group.warn(
        LAST_DAY,
        f"Duo shows no record of the last day{newest_is}: that is fine if nobody was called or texted."
        " Otherwise, check that DUO_API_HOST belongs to the right account.",
    )
