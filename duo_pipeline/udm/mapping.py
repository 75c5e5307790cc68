"""What Google's parser for DUO_TELEPHONY makes of one line of the feed.

The rules are those of the parser's text of 2023-08-24, which reproduce Google's own test vectors
(chronicle/content-hub, DUO_TELEPHONY_GUS). Google's guide says in places something else.
"""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from duo_pipeline.udm.event_time import event_timestamp

Event = dict[str, Any]


def to_udm(record: Mapping[str, Any]) -> Event:
    """Give the UDM event that Google's parser makes of a line.

    Args:
        record: The line, read as JSON.

    Returns:
        The event with the JSON names of UDM (camelCase). Where the parser finds no time,
        ``metadata.eventTimestamp`` is absent: SecOps puts in the time of parsing.
    """
    context, host = _text(record, "context"), _text(record, "host")
    principal = _principal(host, _text(record, "phone"))
    return {
        "metadata": _metadata(record, context, host),
        **({"principal": principal} if principal else {}),
        "target": {"application": "Duo Telephony"},
        "securityResult": [_security_result(record)],
        "extensions": {"auth": {"mechanism": ["MECHANISM_UNSPECIFIED"]}},
    }


def _metadata(record: Mapping[str, Any], context: str, host: str) -> Event:
    with_host = "USER_UNCATEGORIZED" if context else "STATUS_UPDATE"
    return _filled(
        eventTimestamp=event_timestamp(record.get("ts"), record.get("timestamp")),
        eventType=with_host if host else "GENERIC_EVENT",
        logType="DUO_TELEPHONY",
        productEventType=context,
        productLogId=_text(record, "telephony_id"),
        productName="Telephony",
        vendorName="Duo",
    )


def _principal(host: str, phone: str) -> Event:
    machine: Event = {}
    if host:
        machine = {"ip": [host]} if _is_ip(host) else {"hostname": host}
    return _filled(
        **machine,
        asset=machine,  # the platform mirrors the machine after the parser is done
        user={"phoneNumbers": [phone], "userid": phone} if phone else {},
    )


def _security_result(record: Mapping[str, Any]) -> Event:
    # a label takes JSON strings alone: Duo's own credits, a number, are dropped without a word
    labels = [
        {"key": key, "value": value}
        for key in ("credits", "eventtype")
        if isinstance(value := record.get(key), str) and value
    ]
    return _filled(
        action=["ALLOW"],
        detectionFields=labels,
        severity="INFORMATIONAL",
        summary=_text(record, "type"),
    )


def _text(record: Mapping[str, Any], key: str) -> str:
    """Give a field as the parser copies it into text.

    No vector settles what is neither text nor absent. Decided here: a number is written out, as the parser's
    interpolation does; null, booleans, lists and objects count as absent.
    """
    value = record.get(key)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


@lru_cache(maxsize=1024)
def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _filled(**fields: Any) -> Event:  # noqa: ANN401 - any JSON
    return {key: value for key, value in fields.items() if value}
