"""Google's UDM schema, the fields that it requires, and its byte limits."""

from typing import Any

from google import backstory
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from duo_pipeline import ndjson
from duo_pipeline.udm.mapping import Event

LIMITS = {"productEventType": 64, "productLogId": 256, "productName": 256, "vendorName": 256}
"""How many bytes of UTF-8 a field of ``metadata`` may have."""
_MACHINE = ("hostname", "ip", "mac", "assetId")
_KEPT_SHAPES = 4096

_accepted: set[tuple[Any, ...]] = set()


class _StrangeShapeError(Exception):
    """Something of which only Google's schema itself can tell whether it takes it."""


def refusal(event: Event) -> str | None:
    """Say why Google's schema does not take an event, as ``backstory.UDM.from_json`` says it, or nothing.

    A field for text takes every text that can be written in UTF-8. So an event is accepted if one of its
    shape, which has other texts in the same fields, was accepted before: each shape is proven once.
    """
    try:
        shape = _shape(event, backstory.UDM.pb().DESCRIPTOR)
    except (_StrangeShapeError, UnicodeEncodeError):
        return _ask(event)
    if shape in _accepted:
        return None
    said = _ask(event)
    if said is None:
        if len(_accepted) >= _KEPT_SHAPES:
            _accepted.clear()
        _accepted.add(shape)
    return said


def missing(event: Event) -> list[str]:
    """Name the required fields that an event of its type lacks."""
    metadata = event.get("metadata", {})
    lacking = [
        udm
        for udm, name in (
            ("metadata.event_timestamp", "eventTimestamp"),
            ("metadata.event_type", "eventType"),
        )
        if not metadata.get(name)
    ]
    principal = event.get("principal", {})
    if metadata.get("eventType") == "STATUS_UPDATE" and not any(map(principal.get, _MACHINE)):
        lacking.append("principal.hostname")
    return lacking


def too_long(event: Event) -> list[str]:
    """Name the fields of ``metadata`` that have more bytes than they may."""
    metadata = event.get("metadata", {})
    return [name for name, limit in LIMITS.items() if byte_length(metadata.get(name, "")) > limit]


def byte_length(text: str) -> int:
    """Count the bytes of a text in UTF-8, half a surrogate pair as three."""
    return len(text.encode(errors="surrogatepass"))


def _ask(event: Event) -> str | None:
    try:
        backstory.UDM.from_json(ndjson.line(event))
    except Exception as error:  # whatever it raises is its verdict
        return str(error) or type(error).__name__
    return None


def _shape(value: Any, message: Descriptor) -> tuple[Any, ...]:  # noqa: ANN401 - any JSON
    """Give a message without its texts: its fields in order, whatever else is in them."""
    if type(value) is not dict or message.file.package == "google.protobuf":
        return (type(value), repr(value))
    shape: list[Any] = []
    for name, inner in value.items():
        field = message.fields_by_camelcase_name.get(name)
        if field is None:
            raise _StrangeShapeError
        shape.append(name)
        if field.is_repeated and type(inner) is list:
            shape.append(tuple(_of_field(one, field) for one in inner))
        elif field.is_repeated:
            raise _StrangeShapeError
        else:
            shape.append(_of_field(inner, field))
    return tuple(shape)


def _of_field(value: Any, field: FieldDescriptor) -> Any:  # noqa: ANN401 - any JSON
    if field.message_type is not None:
        return _shape(value, field.message_type)
    if field.type == field.TYPE_STRING and type(value) is str:
        value.encode()
        return str
    return (type(value), repr(value))
