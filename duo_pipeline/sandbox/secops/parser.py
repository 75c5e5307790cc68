"""The parser of the emulated SecOps: a model of Google's, written only from a description of its rules.

It shares no code with the mapping of the pipeline, which tests compare with it. In cases that none of
Google's test vectors shows, it follows docs/udm-mapping.md.
"""

import json
import re
import socket
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

LOG_TYPE = "DUO_TELEPHONY"
FEED_NAME = "Duo telephony"
Change = Literal["dropped", "changed"]

_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})([.,][0-9]+)?"
    r" ?([Zz]|[+-][0-9]{2}:?[0-9]{2}|[+-][0-9]{2})?"
)


def run(line: bytes, changes: Mapping[str, Change]) -> dict[str, Any] | None:
    """Return what the parser itself makes of a line, without what the platform adds, or None.

    Args:
        line: The line.
        changes: How this parser differs from the one that is known: the UDM fields that it drops or
            changes, by their names in docs/udm-mapping.md.
    """
    event = parse(line)
    if event is None:
        return None
    event = deepcopy(event)
    del event["metadata"]["logType"]
    event.get("principal", {}).pop("asset", None)
    for field, change in changes.items():
        _change(event, field, change)
    return event


def with_platform_fields(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event of `run` with what the platform adds after any parser."""
    event = deepcopy(event)
    event["metadata"]["logType"] = LOG_TYPE
    principal = event.get("principal", {})
    asset = {name: principal[name] for name in ("hostname", "ip") if name in principal}
    if asset:
        principal["asset"] = asset
    return event


def _change(event: dict[str, Any], field: str, change: Change) -> None:
    path, _, label = field.partition(" ")
    *parents, last = [_camel(part.split("[")[0]) for part in path.split(".")]
    inner: Any = event
    for parent in parents:
        inner = inner.get(parent, {})
        inner = inner[0] if isinstance(inner, list) else inner
    if last not in inner:
        return
    if label:  # {key "credits"}
        key = label.split('"')[1]
        others = [one for one in inner[last] if one["key"] != key]
        own = [] if change == "dropped" else [one for one in inner[last] if one["key"] == key]
        inner[last] = others + [{"key": key, "value": _other(last, one["value"])} for one in own]
    elif change == "dropped":
        del inner[last]
    elif isinstance(inner[last], list):
        inner[last] = [_other(last, value) for value in inner[last]]
    else:
        inner[last] = _other(last, inner[last])


def _other(name: str, value: str) -> str:
    """Return another value that Google's schema takes in the field."""
    enums = {
        "eventType": "USER_LOGIN",
        "action": "BLOCK",
        "severity": "LOW",
        "mechanism": "OTP",
        "eventTimestamp": "2001-02-03T04:05:06Z",
        "ip": "198.51.100.7",
    }
    return enums.get(name, f"other {value}")


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def parse(line: bytes) -> dict[str, Any] | None:
    """Return the event that SecOps shows of a line, or None if the parser drops the line."""
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(raw, dict):
        return None
    context, host, phone = (_string(raw.get(key)) for key in ("context", "host", "phone"))
    result: dict[str, Any] = {"action": ["ALLOW"], "severity": "INFORMATIONAL"}
    labels = []
    for key in ("credits", "eventtype"):
        if isinstance(raw.get(key), str) and raw[key] != "":
            labels.append({"key": key, "value": raw[key]})
    if labels:
        result["detectionFields"] = labels
    if _string(raw.get("type")):
        result["summary"] = _string(raw["type"])
    metadata = {"logType": "DUO_TELEPHONY", "productName": "Telephony", "vendorName": "Duo"}
    if host == "":
        metadata["eventType"] = "GENERIC_EVENT"
    elif context == "":
        metadata["eventType"] = "STATUS_UPDATE"
    else:
        metadata["eventType"] = "USER_UNCATEGORIZED"
    if context != "":
        metadata["productEventType"] = context
    if _string(raw.get("telephony_id")):
        metadata["productLogId"] = _string(raw["telephony_id"])
    moment = _moment(raw)
    if moment:
        metadata["eventTimestamp"] = moment
    event: dict[str, Any] = {
        "metadata": metadata,
        "target": {"application": "Duo Telephony"},
        "securityResult": [result],
        "extensions": {"auth": {"mechanism": ["MECHANISM_UNSPECIFIED"]}},
    }
    principal: dict[str, Any] = {}
    if host != "":
        machine = {"ip": [host]} if _is_ip(host) else {"hostname": host}
        principal = {**machine, "asset": machine}
    if phone != "":
        principal["user"] = {"phoneNumbers": [phone], "userid": phone}
    if principal:
        event["principal"] = principal
    return event


def _string(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return ""
    return str(value) if isinstance(value, (int, float)) else ""


def _moment(raw: dict[str, Any]) -> str | None:
    stamp = raw.get("timestamp")
    if isinstance(stamp, str):
        return _iso(stamp)
    if isinstance(stamp, bool) or not isinstance(stamp, (int, float)) or raw.get("ts"):
        return None
    if stamp != stamp or abs(stamp) == float("inf"):
        return None
    whole, _, fraction = f"{stamp:.9f}".partition(".") if isinstance(stamp, float) else (str(stamp), "", "")
    nanos = int(fraction or 0)
    seconds = int(whole)
    if nanos and (seconds < 0 or whole.startswith("-")):
        seconds, nanos = seconds - 1, 1_000_000_000 - nanos
    try:
        return _written(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds), nanos)
    except OverflowError:
        return None


def _iso(text: str) -> str | None:
    found = _TIME.fullmatch(text)
    if not found:
        return None
    day, time, fraction, offset = found.groups()
    try:
        moment = datetime.strptime(f"{day} {time}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        if offset and offset not in "Zz":
            hours, minutes = int(offset[1:3]), int(offset[-2:]) if len(offset) > 3 else 0
            if hours > 23 or minutes > 59:
                return None
            shift = timedelta(hours=hours, minutes=minutes)
            moment = moment + shift if offset[0] == "-" else moment - shift
    except (ValueError, OverflowError):
        return None
    return _written(moment, int(((fraction or ".0")[1:] + "000000000")[:9]))


def _written(moment: datetime, nanos: int) -> str:
    text = f"{moment.year:04}-{moment:%m-%dT%H:%M:%S}"
    if nanos == 0:
        return text + "Z"
    for digits in (3, 6, 9):
        if nanos % 10 ** (9 - digits) == 0:
            return f"{text}.{nanos // 10 ** (9 - digits):0{digits}}Z"
    raise AssertionError


def _is_ip(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return True
    return False
