"""Check events against Google's UDM schema, its required fields and its byte limits."""

from google import backstory

from duo_pipeline import ndjson
from duo_pipeline.udm.mapping import Event

LIMITS = {"productEventType": 64, "productLogId": 256, "productName": 256, "vendorName": 256}
"""The maximum length of the fields of ``metadata``, in bytes of UTF-8."""
_REQUIRED = {"event_timestamp": "eventTimestamp", "event_type": "eventType"}
_MACHINE = ("hostname", "ip", "mac", "assetId")


def refusal(event: Event) -> str | None:
    """Return the error text of Google's schema for an event, or None if the schema accepts it."""
    try:
        backstory.UDM.from_json(ndjson.line(event))
    except Exception as error:  # any error means that the schema does not accept the event
        return str(error) or type(error).__name__
    return None


def missing(event: Event) -> list[str]:
    """Return the UDM names of the required fields that an event does not have."""
    metadata = event.get("metadata", {})
    lacking = [f"metadata.{udm}" for udm, name in _REQUIRED.items() if not metadata.get(name)]
    principal = event.get("principal", {})
    if metadata.get("eventType") == "STATUS_UPDATE" and not any(map(principal.get, _MACHINE)):
        lacking.append("principal.hostname")
    return lacking


def too_long(event: Event) -> list[str]:
    """Return a clause for each field of ``metadata`` that has too many bytes."""
    metadata = event.get("metadata", {})
    return [
        f"{name} may have at most {limit} bytes"
        for name, limit in LIMITS.items()
        if byte_length(metadata.get(name, "")) > limit
    ]


def byte_length(text: str) -> int:
    """Return the length of a text in bytes of UTF-8; half a surrogate pair counts as three."""
    return len(text.encode(errors="surrogatepass"))
