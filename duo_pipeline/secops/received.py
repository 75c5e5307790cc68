"""What SecOps has: events by hour, the records of a window, and what the platform refused."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from duo_pipeline.secops import queries
from duo_pipeline.secops.api import SecOps
from duo_pipeline.secops.errors import SecOpsError
from duo_pipeline.secops.queries import LAGS_MINUTES, MOST_ROWS

RIGHT = "chronicle.dashboardQueries.execute"
LONGEST = timedelta(days=90)
"""The longest window that Google allows for a query of events."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Received:
    """What SecOps has of one hour.

    Attributes:
        events: How many events whose time is in the hour, without those that have the time of their
            ingestion and may be of another hour.
        records: How many different records they are of.
        newest: When the newest was ingested, in UTC; None without events.
        median_lag_minutes: Half of the events were ingested at most so many minutes after they happened;
            None if that took more than a day, or without events.
    """

    events: int = 0
    records: int = 0
    newest: datetime | None = None
    median_lag_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class PlatformCounts:
    """What the platform did with the logs of a log type, of all accounts and feeds.

    Attributes:
        logs: How many lines it took.
        events: How many events it made of them.
        unparsed: How many lines its parser refused.
        invalid: How many events its schema refused.
    """

    logs: int = 0
    events: int = 0
    unparsed: int = 0
    invalid: int = 0


def received_by_hour(secops: SecOps, start: datetime, end: datetime, host: str) -> dict[datetime, Received]:
    """Return what SecOps has of each hour in [start, end) in which it has events.

    It costs one request for 90 days. Counts are up to two hours old.

    Args:
        secops: The instance.
        start: The start of the first hour, in UTC.
        end: The end of the last hour, in UTC.
        host: The host of the account's lines; it tells the accounts apart.

    Raises:
        SecOpsError: SecOps refused a query, or could not be reached.
    """
    query = queries.events_by_hour(host)
    found: dict[datetime, Received] = {}
    while start < end:
        until = min(end, start + LONGEST)
        for row in _rows(secops, query, start, until):
            hour = _hour(row)
            if start <= hour < until:
                found[hour] = Received(
                    events=int(row["events"]) - int(row["timeless"]),
                    records=int(row["records"]),
                    newest=datetime.fromtimestamp(int(row["newest"]), UTC),
                    median_lag_minutes=_median(row),
                )
        start = until
    return found


def events_by_record(
    secops: SecOps, start: datetime, end: datetime, host: str
) -> dict[datetime, dict[str, int]]:
    """Return how many events SecOps has of each record in [start, end), by hour and by the record's id.

    It costs one request. Events without a record's id are not in it.

    Raises:
        SecOpsError: SecOps refused the query or could not be reached, or there are more than 10,000 records.
    """
    rows = list(_rows(secops, queries.events_by_record(host), start, end))
    if len(rows) >= MOST_ROWS:
        raise SecOpsError(
            f"SecOps lists at most {MOST_ROWS:,} records, and there are more: ask about fewer hours."
        )
    found: dict[datetime, dict[str, int]] = {}
    for row in rows:
        found.setdefault(_hour(row), {})[row["record"]] = int(row["events"])
    return found


def platform_counts(secops: SecOps, start: datetime, end: datetime) -> PlatformCounts:
    """Return what the platform did in [start, end) with the log type, of all accounts and feeds.

    Raises:
        SecOpsError: SecOps refused the query, or could not be reached.
    """
    for row in _rows(secops, queries.platform_counts(), start, end):
        return PlatformCounts(*(int(row[name] or 0) for name in ("logs", "events", "unparsed", "invalid")))
    return PlatformCounts()


def _hour(row: Row) -> datetime:
    return datetime.strptime(row["hour"], "%Y-%m-%d %H").replace(tzinfo=UTC)


def _median(row: Row) -> int | None:
    """Return the first of the lags up to which at least half of the events were ingested."""
    half = int(row["events"]) / 2
    return next((minutes for minutes in LAGS_MINUTES if int(row[f"within_{minutes}"]) >= half), None)


def _rows(secops: SecOps, query: str, start: datetime, end: datetime) -> Iterator[Row]:
    """Yield the rows of the answer to a query, each by the names of its columns.

    Raises:
        SecOpsError: As in `SecOps.call`, or SecOps reports an error of the query in its answer.
    """
    window = {"start_time": start, "end_time": end}
    request = {
        "parent": secops.name,
        "query": {"query": query, "input": {"time_window": window}},
        "clear_cache": True,
    }
    ask = secops.dashboards.execute_dashboard_query
    answer = secops.call("answer a statistical query", RIGHT, ask, request)
    answer = type(answer).pb(answer)  # Google's native message: a hundred times faster to read
    for error in answer.query_runtime_errors:
        if error.error_severity == type(error).SEVERE or error.warning_reason:
            raise SecOpsError(
                f"SecOps did not answer a statistical query in full ({error.error_title or 'no title'}):"
                f" {error.error_description or 'it does not say why'}."
            )
    names = [column.column for column in answer.results]
    for cells in zip(*(column.values for column in answer.results), strict=True):
        yield {name: _value(cell) for name, cell in zip(names, cells, strict=True)}


def _value(cell: Any) -> Any:  # noqa: ANN401 - Google's messages have no types
    name = cell.value.WhichOneof("value")
    return None if name in (None, "null_val") else getattr(cell.value, name)
