"""The rules of Google's parser for DUO_TELEPHONY, as one table.

From it the events are made (`mapping`, `template`), the facts of an hour are counted (`findings`), and
``docs/udm-mapping.md`` is written (`documentation`). The rules are those of the parser's text of 2023-08-24,
which reproduces Google's own test vectors (github.com/chronicle/content-hub, DUO_TELEPHONY_GUS). Google's
guide garbles some of them, so each rule also names the rows of the guide that a reader looks for.
"""

from collections.abc import Callable
from dataclasses import dataclass

from duo_pipeline.udm.event_time import event_timestamp
from duo_pipeline.udm.values import is_address, is_filled, label_text, text

Value = str | dict[str, str]


@dataclass(frozen=True, slots=True)
class GuideRow:
    """A row of the mapping table in Google's guide.

    Attributes:
        number: Its place there, from 1.
        field: The log field that it names; many rows name none.
        udm: The UDM field that it names.
        says: What it says, in brief.
        wrong: Why that is not so, if it is not.
    """

    number: int
    field: str
    udm: str
    says: str
    wrong: str = ""


def _always(value: str) -> Callable[..., Value]:
    return lambda: value


def _nothing(*_values: object) -> None:
    return None


def _any_filled(*values: object) -> bool:
    return any(map(is_filled, values))


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what the parser makes of which fields of a line.

    Attributes:
        raw: The fields that it reads.
        udm: The UDM field that it writes; ``[]`` appends to a list. Empty: it writes nothing.
        when: Its condition, in words.
        source: Where it is written, and which of Google's vectors (V1 to V5) show it.
        make: Makes the value of the fields' values, or nothing; an absent field is None.
        carries: Whether a line with these values carries the fact that should come out. A fact that a line
            carries and its event lacks is lost.
        guide: What Google's guide says of it.
    """

    raw: tuple[str, ...]
    udm: str
    when: str
    source: str
    make: Callable[..., Value | None] = _nothing
    carries: Callable[..., bool] = _any_filled
    guide: tuple[GuideRow, ...] = ()


def _event_type(context: object, host: object) -> Value:
    if not text(host):
        return "GENERIC_EVENT"
    return "USER_UNCATEGORIZED" if text(context) else "STATUS_UPDATE"


def _hostname(host: object) -> Value | None:
    name = text(host)
    return None if is_address(name) else name


def _address(host: object) -> Value | None:
    name = text(host)
    return name if is_address(name) else None


def _label(key: str) -> Callable[[object], Value | None]:
    return lambda value: {"key": key, "value": label_text(value)} if label_text(value) else None


def _fixed(udm: str, value: str, source: str, *guide: GuideRow) -> Rule:
    return Rule((), udm, f"always `{value}`", source, _always(value), lambda: True, guide)


def _copied(field: str, udm: str, source: str, *guide: GuideRow) -> Rule:
    return Rule((field,), udm, "if not empty", source, text, guide=guide)


_PARSER = "parser"
_ALL = "parser; V1 to V5"
_PLATFORM = "platform, after the parser; {}"

RULES: tuple[Rule, ...] = (
    Rule(
        ("timestamp", "ts"),
        "metadata.event_timestamp",
        "`timestamp` is a string: read as ISO 8601. It is a number: Unix seconds, if `ts` is empty",
        "parser; V1 (a string), V2 to V5 (a number)",
        lambda timestamp, ts: event_timestamp(ts, timestamp),
        guide=(
            GuideRow(
                7,
                "",
                "metadata.event_timestamp",
                "from `ts`, an ISO 8601 string",
                "the parser never reads `ts`: it reads `timestamp`. A line that has `ts` alone has no event"
                " time, and SecOps puts in the time of parsing",
            ),
            GuideRow(
                16,
                "ts",
                "metadata.event_timestamp",
                "from `ts`, an ISO 8601 string",
                "`ts` decides only how `timestamp` is read: where `ts` is not empty, as ISO 8601",
            ),
        ),
    ),
    Rule(("ts",), "", "never read: not empty, it has `timestamp` read as ISO 8601", "parser; V1, V4"),
    Rule(
        ("context", "host"),
        "metadata.event_type",
        "both not empty: `USER_UNCATEGORIZED`; only `host`: `STATUS_UPDATE`; else `GENERIC_EVENT`",
        "parser; V1 (both), V2, V4 (only a host), V3, V5 (no host)",
        _event_type,
        lambda context, host: True,  # noqa: ARG005 - every event has a type
        (GuideRow(8, "", "metadata.event_type", "by whether `context` and `host` are there"),),
    ),
    _fixed(
        "metadata.log_type",
        "DUO_TELEPHONY",
        _PLATFORM.format("V1 to V5"),
        GuideRow(
            9,
            "",
            "metadata.log_type",
            "from the raw log's `log_type`",
            "no line has such a field: the platform puts in the log type of the feed",
        ),
    ),
    _copied(
        "context",
        "metadata.product_event_type",
        "parser; V1, V4 (empty), V5",
        GuideRow(1, "context", "metadata.product_event_type", "copied"),
    ),
    _copied("telephony_id", "metadata.product_log_id", "parser; V1, V2, V4 (empty)"),
    _fixed(
        "metadata.product_name",
        "Telephony",
        _ALL,
        GuideRow(10, "", "metadata.product_name", "always `Telephony`"),
    ),
    _fixed(
        "metadata.vendor_name",
        "Duo",
        _ALL,
        GuideRow(11, "", "metadata.vendor_name", "always `Duo`"),
    ),
    Rule(
        ("host",),
        "principal.hostname",
        "if not empty and no IP address",
        "parser; V1",
        _hostname,
        lambda host: not is_address(text(host)),  # every record comes from a host, whether the line names it
        (GuideRow(4, "host", "principal.hostname", "copied, if it is no IP address"),),
    ),
    Rule(
        ("host",),
        "principal.ip[]",
        "if it is an IP address",
        "parser; V2, V4",
        _address,
        lambda host: is_address(text(host)),
    ),
    Rule(
        ("host",),
        "principal.asset.hostname",
        "mirrors `principal.hostname`",
        _PLATFORM.format("V1"),
        _hostname,
        lambda host: not is_address(text(host)),
    ),
    Rule(
        ("host",),
        "principal.asset.ip[]",
        "mirrors `principal.ip`",
        _PLATFORM.format("V2, V4"),
        _address,
        lambda host: is_address(text(host)),
    ),
    _copied(
        "phone",
        "principal.user.phone_numbers[]",
        "parser; V1 to V4, V5 (empty)",
        GuideRow(12, "phone", "principal.user.phone_numbers", "copied"),
    ),
    _copied(
        "phone",
        "principal.user.userid",
        "parser; V1 to V4, V5 (empty)",
        GuideRow(13, "phone", "principal.user.userid", "copied"),
    ),
    _fixed(
        "target.application",
        "Duo Telephony",
        _ALL,
        GuideRow(
            15,
            "",
            "security_result.summary",
            "always `Duo Telephony`",
            "that text is in `target.application`; the summary is the line's `type`",
        ),
    ),
    _fixed(
        "security_result[0].action[]",
        "ALLOW",
        _ALL,
        GuideRow(5, "", "security_result.action", "always `ALLOW`"),
    ),
    Rule(
        ("credits",),
        'security_result[0].detection_fields[] {key "credits"}',
        "only if it is a JSON string and not empty: **a number, as Duo sends it, is dropped without a word**",
        "parser; V1, V2, V5 (a string), V4 (a number)",
        _label("credits"),
        guide=(
            GuideRow(
                2,
                "credits",
                "security_result.detection_fields.value",
                "copied, under the key `credits`",
                "Duo's own `credits` is a number, and a number does not arrive",
            ),
        ),
    ),
    Rule(
        ("eventtype",),
        'security_result[0].detection_fields[] {key "eventtype"}',
        "if a JSON string and not empty, after credits",
        "parser; V1 to V4, V5 (empty)",
        _label("eventtype"),
        guide=(
            GuideRow(
                3, "eventtype", "security_result.detection_fields.value", "copied, under the key `eventtype`"
            ),
        ),
    ),
    _fixed(
        "security_result[0].severity",
        "INFORMATIONAL",
        _ALL,
        GuideRow(14, "", "security_result.severity", "always `INFORMATIONAL`"),
    ),
    _copied(
        "type",
        "security_result[0].summary",
        "parser; V1 to V4, V5 (empty)",
        GuideRow(17, "type", "security_result.summary", "copied"),
    ),
    _fixed(
        "extensions.auth.mechanism[]",
        "MECHANISM_UNSPECIFIED",
        _ALL,
        GuideRow(
            6,
            "",
            "security_result.detection_fields.value",
            "always `MECHANISM_UNSPECIFIED`",
            "that text is in `extensions.auth.mechanism`; no label has it",
        ),
    ),
    Rule(("txid",), "", "never read", "parser; V1, V2, V4"),
)

DUOS_FIELDS = ("context", "credits", "phone", "telephony_id", "ts", "txid", "type")
"""What Duo's v2 items have."""
ADDED_FIELDS = ("host", "eventtype", "timestamp")
"""What the parser reads beside them."""
KNOWN_VALUES = {
    "context": frozenset({"authentication", "enrollment", "administrator login", "verify"}),
    "type": frozenset({"sms", "phone", "phone_call"}),
}
"""The values that Duo documents, and ``phone_call``, which Google's vectors have."""
