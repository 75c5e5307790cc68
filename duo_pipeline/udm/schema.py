"""Google's UDM schema, the fields that it requires, and its byte limits."""

from google import backstory

from duo_pipeline import ndjson
from duo_pipeline.udm.mapping import Event

LIMITS = {"productEventType": 64, "productLogId": 256, "productName": 256, "vendorName": 256}
"""How many bytes of UTF-8 a field of ``metadata`` may have."""
_REQUIRED = {"event_timestamp": "eventTimestamp", "event_type": "eventType"}
_MACHINE = ("hostname", "ip", "mac", "assetId")


def refusal(event: Event) -> str | None:
    """Return why Google's schema does not take an event, in its own words; nothing if it takes it."""
    try:
        backstory.UDM.from_json(ndjson.line(event))
    except Exception as error:  # whatever it raises is its verdict
        return str(error) or type(error).__name__
    return None


def missing(event: Event) -> list[str]:
    """Return the required fields that an event of its type lacks, as UDM names them."""
    metadata = event.get("metadata", {})
    lacking = [f"metadata.{udm}" for udm, name in _REQUIRED.items() if not metadata.get(name)]
    principal = event.get("principal", {})
    if metadata.get("eventType") == "STATUS_UPDATE" and not any(map(principal.get, _MACHINE)):
        lacking.append("principal.hostname")
    return lacking


def too_long(event: Event) -> list[str]:
    """Return the fields of ``metadata`` that have more bytes than they may."""
    metadata = event.get("metadata", {})
    return [name for name, limit in LIMITS.items() if byte_length(metadata.get(name, "")) > limit]


def byte_length(text: str) -> int:
    """Return how many bytes of UTF-8 a text has; half a surrogate pair counts as three."""
    return len(text.encode(errors="surrogatepass"))
