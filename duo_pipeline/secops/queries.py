"""The questions to SecOps, in YARA-L: events by hour, the records of a window, what the platform refused.

Each form is in Google's documentation, or in several public repositories.
"""

from ipaddress import ip_address

from duo_pipeline.secops.instance import LOG_TYPE

MOST_ROWS = 10_000
"""The most rows that Google returns; without a limit it returns fewer."""
HOUR_FORMAT = "%F %H"
"""The format of YARA-L that the column ``hour`` has, for example ``2026-11-23 05``."""
LAGS_MINUTES = (15, 30, 60, 90, 120, 180, 360, 720, 1440)
"""YARA-L has no median, so the events are counted up to each of these lags from event to ingestion."""

_HOUR = f'$hour = timestamp.get_timestamp(metadata.event_timestamp.seconds, "{HOUR_FORMAT}", "UTC")\n'
TIMELESS_SECONDS = 60
"""An event that is not older when it is ingested has the time of its parsing: lines land minutes after it."""

_LAG = "metadata.ingested_timestamp.seconds - metadata.event_timestamp.seconds"


def events_by_hour(host: str) -> str:
    """Return the query for the events of each hour: a row has ``hour``, and what `received_by_hour` reads."""
    lags = "".join(
        f"  $within_{minutes} = sum(if({_LAG} <= {minutes * 60}, 1, 0))\n" for minutes in LAGS_MINUTES
    )
    return (
        f"{_of_account(host)}"
        f"{_HOUR}"
        "match:\n"
        "  $hour\n"
        "outcome:\n"
        "  $events = count(metadata.id)\n"
        "  $records = count_distinct(metadata.product_log_id)\n"
        "  $newest = max(metadata.ingested_timestamp.seconds)\n"
        f"  $timeless = sum(if({_LAG} <= {TIMELESS_SECONDS}, 1, 0))\n"
        f"{lags}"
        f"limit:\n  {MOST_ROWS}\n"
    )


def events_by_record(host: str) -> str:
    """Return the query for the records of a window: a row has ``hour``, ``record`` (its id) and ``events``.

    SecOps leaves out events without an id.
    """
    return (
        f"{_of_account(host)}"
        f"{_HOUR}"
        "$record = metadata.product_log_id\n"
        "match:\n"
        "  $hour, $record\n"
        "outcome:\n"
        "  $events = count(metadata.id)\n"
        f"limit:\n  {MOST_ROWS}\n"
    )


def platform_counts() -> str:
    """Return the query for what the platform took, parsed and refused of the log type, of all accounts.

    Every component but the Normalizer takes logs: which one a feed has depends on its age.
    """
    normalizer = 'ingestion.component = "Normalizer" and ingestion.state'
    return (
        f'ingestion.log_type = "{LOG_TYPE}"\n'
        "$type = ingestion.log_type\n"
        "match:\n"
        "  $type\n"
        "outcome:\n"
        '  $logs = sum(if(ingestion.component != "Normalizer", ingestion.log_count, 0))\n'
        f'  $events = sum(if({normalizer} = "validated", ingestion.event_count, 0))\n'
        f'  $unparsed = sum(if({normalizer} = "failed_parsing", ingestion.log_count, 0))\n'
        f'  $invalid = sum(if({normalizer} = "failed_validation", ingestion.event_count, 0))\n'
        "limit:\n  1\n"
    )


def _of_account(host: str) -> str:
    """Return the lines that choose the events of one Duo account, which the host of its lines tells apart."""
    return f'metadata.log_type = "{LOG_TYPE}"\n{_field_of(host)} = "{_quoted(host)}"\n'


def _field_of(host: str) -> str:
    try:
        ip_address(host)
    except ValueError:
        return "principal.hostname"
    return "principal.ip"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
