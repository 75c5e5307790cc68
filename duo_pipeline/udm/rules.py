"""The rules of Google's parser for DUO_TELEPHONY, as one table, and the fields of a line.

`mapping` makes the events from the table, `shapes` counts the facts with it, and ``docs/udm-mapping.md``
shows it. This is the only module of udm that knows which log it is.

The rules are those of the parser of 2023-08-24. They reproduce Google's own test vectors
(github.com/chronicle/content-hub, DUO_TELEPHONY_GUS).
"""

from collections.abc import Callable
from dataclasses import dataclass

from duo_pipeline.udm.values import event_timestamp, is_address, is_filled, label_text, text

RECORD_ID = "telephony_id"
Value = str | dict[str, str]


def _any_filled(*values: object) -> bool:
    return any(map(is_filled, values))


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: the UDM field that the parser makes from some fields of a line.

    Attributes:
        raw: The fields that the rule reads.
        udm: The UDM field that it writes; ``[]`` appends to a list.
        when: The condition, in words.
        source: The source of the rule, and which of Google's vectors (V1 to V5) show it.
        make: Returns the UDM value for the values of the fields, or nothing; an absent field is None.
        carries: Returns whether a line with these values carries the fact. If it does and its event does not
            have the fact, the fact is lost.
    """

    raw: tuple[str, ...]
    udm: str
    when: str
    source: str
    make: Callable[..., Value | None]
    carries: Callable[..., bool] = _any_filled


def _event_type(context: object, host: object) -> Value:
    if not text(host):
        return "GENERIC_EVENT"
    return "USER_UNCATEGORIZED" if text(context) else "STATUS_UPDATE"


def _host(udm: str, when: str, source: str, *, address: bool) -> Rule:
    """Return a rule for the hosts that are IP addresses, or for those that are names."""

    def make(host: object) -> Value | None:
        name = text(host)
        return name if is_address(name) == address else None

    def carries(host: object) -> bool:
        return is_address(text(host)) == address  # every record has a host, even if the line does not name it

    return Rule(("host",), udm, when, source, make, carries)


def _label(field: str, when: str, source: str) -> Rule:
    def make(value: object) -> Value | None:
        label = label_text(value)
        return {"key": field, "value": label} if label else None

    udm = f'security_result[0].detection_fields[] {{key "{field}"}}'
    return Rule((field,), udm, when, source, make)


def _fixed(udm: str, value: str, source: str = "parser; V1 to V5") -> Rule:
    return Rule((), udm, f"always `{value}`", source, lambda: value, lambda: True)


def _copied(field: str, udm: str, source: str) -> Rule:
    return Rule((field,), udm, "if not empty", source, text)


RULES = (
    Rule(
        ("timestamp", "ts"),
        "metadata.event_timestamp",
        "`timestamp` is a string: read as ISO 8601. It is a number: Unix seconds, if `ts` is empty",
        "parser; V1 (a string), V2 to V5 (a number)",
        lambda timestamp, ts: event_timestamp(ts, timestamp),
    ),
    Rule(
        ("context", "host"),
        "metadata.event_type",
        "both not empty: `USER_UNCATEGORIZED`; only `host`: `STATUS_UPDATE`; else `GENERIC_EVENT`",
        "parser; V1 (both), V2, V4 (only a host), V3, V5 (no host)",
        _event_type,
        lambda context, host: True,  # noqa: ARG005 - every event has a type
    ),
    _fixed("metadata.log_type", "DUO_TELEPHONY", "platform, after the parser; V1 to V5"),
    _copied("context", "metadata.product_event_type", "parser; V1, V4 (empty), V5"),
    _copied(RECORD_ID, "metadata.product_log_id", "parser; V1, V2, V4 (empty)"),
    _fixed("metadata.product_name", "Telephony"),
    _fixed("metadata.vendor_name", "Duo"),
    _host("principal.hostname", "if not empty and not an IP address", "parser; V1", address=False),
    _host("principal.ip[]", "if it is an IP address", "parser; V2, V4", address=True),
    _host(
        "principal.asset.hostname",
        "mirrors `principal.hostname`",
        "platform, after the parser; V1",
        address=False,
    ),
    _host(
        "principal.asset.ip[]", "mirrors `principal.ip`", "platform, after the parser; V2, V4", address=True
    ),
    _copied("phone", "principal.user.phone_numbers[]", "parser; V1 to V4, V5 (empty)"),
    _copied("phone", "principal.user.userid", "parser; V1 to V4, V5 (empty)"),
    _fixed("target.application", "Duo Telephony"),
    _fixed("security_result[0].action[]", "ALLOW"),
    _label(
        "credits",
        "only if it is a JSON string and not empty: **a number, as Duo sends it, is dropped without a word**",
        "parser; V1, V2, V5 (a string), V4 (a number)",
    ),
    _label(
        "eventtype",
        "if a JSON string and not empty, after credits",
        "parser; V1 to V4, V5 (empty)",
    ),
    _fixed("security_result[0].severity", "INFORMATIONAL"),
    _copied("type", "security_result[0].summary", "parser; V1 to V4, V5 (empty)"),
    _fixed("extensions.auth.mechanism[]", "MECHANISM_UNSPECIFIED"),
)

DUOS_FIELDS = ("context", "credits", "phone", RECORD_ID, "ts", "txid", "type")
"""The fields of Duo's v2 items. The parser never reads ``txid``."""
ADDED_FIELDS = ("host", "eventtype", "timestamp")
"""The fields that the parser reads in addition."""
TEXT_FIELDS = ("context", "host", "phone", RECORD_ID, "type")
"""The fields that the parser copies as text."""
COMMON = ("context", "credits", "eventtype", "host", "type")
"""The fields that have few different values."""
STAND_INS = {"timestamp": "2000-01-01T00:00:00Z", RECORD_ID: "0", "phone": "+0"}
"""The fields that differ from line to line, each with a placeholder of its value."""
KNOWN_VALUES = {
    "context": frozenset({"authentication", "enrollment", "administrator login", "verify"}),
    "type": frozenset({"sms", "phone", "phone_call"}),
}
"""The values that Duo documents, and ``phone_call``, which is in Google's vectors."""
