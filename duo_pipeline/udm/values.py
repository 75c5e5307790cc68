"""Read the value of a field as Google's parser does.

Google's vectors show only text, absent fields and a few numbers; the rest is in `assumptions`.
"""

from functools import lru_cache
from ipaddress import ip_address

from duo_pipeline.ndjson import is_number


def is_filled(value: object) -> bool:
    """Return whether a field has a value: zero and false count as values, null and empty do not."""
    return value is not None and value not in ("", [], {})


def text(value: object) -> str:
    """Return a value as the parser copies it into a text field; empty counts as absent."""
    if isinstance(value, str):
        return value
    return str(value) if is_number(value) else ""


def label_text(value: object) -> str:
    """Return a value as the parser copies it into a label; a label takes only JSON strings."""
    return value if isinstance(value, str) else ""


@lru_cache(maxsize=1024)
def is_address(host: str) -> bool:
    """Return whether a host is an IP address (v4 or v6)."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
