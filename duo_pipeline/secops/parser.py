"""The parser that is active in an instance, and what it makes of lines."""

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from duo_pipeline.secops.api import Json, SecOps
from duo_pipeline.secops.errors import SecOpsError
from duo_pipeline.secops.instance import LOG_TYPE

LIST, RUN = "chronicle.parsers.list", "chronicle.parsers.runParser"
LIST_EXTENSIONS = "chronicle.parserExtensions.list"
_CONFIGS = ("cbnSnippet", "fieldExtractors", "dynamicParsing")
MOST_LINES = 1_000
MOST_BYTES = 10_000_000
"""How many lines a request may have, and bytes of lines; Google allows 50 MB, and 10 MB a line."""


@dataclass(frozen=True, slots=True)
class Parser:
    """A parser, and the extension that changes what it makes.

    Attributes:
        name: Its resource name.
        is_googles: Whether it is Google's own, and not the customer's.
        creator: Who made it, as SecOps says it; may be empty.
        cbn: Its text, in base64.
        extension: The configuration of the active extension; empty if there is none.
    """

    name: str
    is_googles: bool
    creator: str
    cbn: str
    extension: Json = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """Return whose it is, as a clause."""
        author = f" of {self.creator}" if self.creator else ""
        whose = "Google's own" if self.is_googles else f"a custom one{author}"
        return f"{whose}, with an extension" if self.extension else whose


def active_parser(secops: SecOps) -> Parser:
    """Return the active parser and the active extension; this costs two requests.

    Raises:
        SecOpsError: SecOps refused a request, could not be reached, or has no active parser.
    """
    path = f"logTypes/{LOG_TYPE}"
    listed = secops.rest("list its parsers", LIST, "GET", f"{path}/parsers", filter="STATE=ACTIVE")
    found = [one for one in listed.get("parsers", []) if one.get("state", "ACTIVE") == "ACTIVE"]
    if not found:
        raise SecOpsError(
            f"SecOps has no active parser for {LOG_TYPE}: activate one in SIEM Settings, Parsers."
        )
    listed = secops.rest("list its parser extensions", LIST_EXTENSIONS, "GET", f"{path}/parserExtensions")
    extensions = [one for one in listed.get("parserExtensions", []) if one.get("state") in ("LIVE", "ACTIVE")]
    parser = found[0]
    creator = parser.get("creator")
    creator = creator if isinstance(creator, dict) else {}
    made_by_customer = creator.get("source") == "CUSTOMER" or parser.get("type") == "CUSTOM"
    return Parser(
        name=str(parser.get("name", "")),
        is_googles=not made_by_customer,
        creator=str(creator.get("author") or creator.get("customer") or ""),
        cbn=str(parser.get("cbn", "")),
        extension={name: value for one in extensions[:1] for name, value in one.items() if name in _CONFIGS},
    )


def run(secops: SecOps, parser: Parser, lines: Iterable[bytes]) -> Iterator[Json | None]:
    """Yield the event that the parser makes of each line, in their order, or None if it makes none.

    The events have the JSON names of UDM, and lack what the platform adds after the parser. A request has up
    to 1,000 lines.

    Raises:
        SecOpsError: SecOps refused a request, could not be reached, or answered about other lines.
    """
    for some in _batches(lines):
        body: Json = {
            "parser": {"cbn": parser.cbn},
            "log": [base64.b64encode(line).decode() for line in some],
        }
        if parser.extension:
            body["parserExtension"] = parser.extension
        path = f"logTypes/{LOG_TYPE}:runParser"
        answer = secops.rest("run its parser", RUN, "POST", path, body=body)
        results = answer.get("runParserResults", [])
        if len(results) != len(some):
            raise SecOpsError(
                f"SecOps ran its parser on {len(some)} lines and answered about {len(results)}: try again."
            )
        yield from map(_event_of, results)


def _batches(lines: Iterable[bytes]) -> Iterator[Sequence[bytes]]:
    some: list[bytes] = []
    size = 0
    for line in lines:
        if some and (len(some) == MOST_LINES or size + len(line) > MOST_BYTES):
            yield some
            some, size = [], 0
        some.append(line)
        size += len(line)
    if some:
        yield some


def _event_of(result: Json) -> Json | None:
    events = (result.get("parsedEvents") or {}).get("events") or []
    event: Any = events[0].get("event") if events else None
    if isinstance(event, dict) and "idm" in event:
        event = event["idm"].get("readOnlyUdm")
    return event if isinstance(event, dict) else None
