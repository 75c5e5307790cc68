"""Run statistical queries in YARA-L over flat rows: the part of the language that the pipeline needs."""

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Row = Mapping[str, Any]
Expression = Callable[[Row], Any]
Aggregate = Callable[[Sequence[Row]], Any]

HIGHEST_LIMIT, DEFAULT_LIMIT = 10_000, 1_000
SOURCES = {"metadata", "principal", "target", "security_result", "extensions", "ingestion"}
_TOKEN = re.compile(
    r'\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<string>"(?:\\.|[^"\\])*")|(?P<variable>\$\w+)'
    r"|(?P<name>[a-z_]+(?:\.[a-z_0-9]+)*)|(?P<sign>!=|<=|>=|[-=<>+*/(),]))",
    re.IGNORECASE,
)
_SECTION = re.compile(r"^\s*(match|outcome|limit)\s*:", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"\s*(\$\w+)\s*=\s*(.*)", re.DOTALL)


class QueryError(Exception):
    """The query cannot be compiled."""


@dataclass(frozen=True)
class Query:
    """A compiled query.

    Attributes:
        source: ``udm`` or ``ingestion``: which rows it is about.
    """

    source: str
    _filters: Sequence[Expression]
    _variables: Mapping[str, Expression]
    _match: Sequence[str]
    _outcomes: Mapping[str, Aggregate]
    _limit: int

    def run(self, rows: Iterable[Row]) -> tuple[list[str], list[list[Any]]]:
        """Return the names of the columns, and the rows of the answer."""
        groups: dict[tuple[Any, ...], list[Row]] = {}
        for row in rows:
            if all(passes(row) for passes in self._filters):
                key = tuple(self._variables[name](row) for name in self._match)
                if all(part not in ("", 0, None) for part in key):  # as the real one, it says nothing of it
                    groups.setdefault(key, []).append(row)
        names = [*self._match, *self._outcomes]
        answer = [
            [*key, *(outcome(members) for outcome in self._outcomes.values())]
            for key, members in groups.items()
        ]
        return [name.removeprefix("$") for name in names], answer[: self._limit]


def compile_query(text: str) -> Query:
    """Return the query of a text.

    Raises:
        QueryError: The text is not a query that this emulator understands.
    """
    sections = _sections(text)
    filters, variables = list[Expression](), dict[str, Expression]()
    for line in sections["filter"]:
        if assigned := _ASSIGNMENT.fullmatch(line):
            variables[assigned[1]] = _Compiler(assigned[2], variables).whole()
        else:
            filters.append(_Compiler(line, variables).whole())
    match = [name.strip() for name in "".join(sections["match"]).split(",") if name.strip()]
    if unknown := [name for name in match if name not in variables]:
        raise QueryError(f"undefined placeholder {unknown[0]} in match")
    outcomes = dict[str, Aggregate]()
    for line in sections["outcome"]:
        if not (assigned := _ASSIGNMENT.fullmatch(line)):
            raise QueryError(f"expected an assignment: {line.strip()}")
        outcomes[assigned[1]] = _Compiler(assigned[2], variables).aggregate()
    if not match and not outcomes:
        raise QueryError("a statistical query needs a match or an outcome section")
    return Query(
        "ingestion" if re.search(r"\bingestion\.", text) else "udm",
        filters,
        variables,
        match,
        outcomes,
        _limit("".join(sections["limit"]).strip()),
    )


def _sections(text: str) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {name: [] for name in ("filter", "match", "outcome", "limit")}
    current = "filter"
    for raw in text.splitlines():
        line = raw.rstrip()
        if header := _SECTION.match(line):
            current, line = header[1].lower(), line[header.end() :]
        if line.strip():
            sections[current].append(line)
    return sections


def _limit(text: str) -> int:
    if not text:
        return DEFAULT_LIMIT
    if not text.isdecimal() or not 0 < int(text) <= HIGHEST_LIMIT:
        raise QueryError(f"the limit must be from 1 to {HIGHEST_LIMIT}")
    return int(text)


class _Compiler:
    """Compiles one expression by recursive descent, to functions of a row or of the rows of a group."""

    def __init__(self, text: str, variables: Mapping[str, Expression]) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._variables = variables

    def whole(self) -> Expression:
        expression = self._and()
        self._end()
        return expression

    def aggregate(self) -> Aggregate:
        name = self._take("name")
        function = _AGGREGATES.get(name.lower())
        if function is None:
            raise QueryError(f"{name} is not an aggregate function")
        self._take("sign", "(")
        inner = self._and()
        self._take("sign", ")")
        self._end()
        return lambda rows: function([inner(row) for row in rows])

    def _and(self) -> Expression:
        parts = [self._comparison()]
        while self._is("name", "and"):
            parts.append(self._comparison())
        return parts[0] if len(parts) == 1 else lambda row: all(part(row) for part in parts)

    def _comparison(self) -> Expression:
        left = self._difference()
        for sign, compare in _COMPARISONS.items():
            if self._is("sign", sign):
                right = self._difference()
                return lambda row: any(compare(one, right(row)) for one in _each(left(row)))
        return left

    def _difference(self) -> Expression:
        left = self._primary()
        if self._is("sign", "-"):
            right = self._primary()
            return lambda row: (left(row) or 0) - (right(row) or 0)
        return left

    def _primary(self) -> Expression:
        if self._at >= len(self._tokens):
            raise QueryError("the expression ends too early")
        kind, text = self._tokens[self._at]
        self._at += 1
        match kind:
            case "number":
                number = float(text) if "." in text else int(text)
                return lambda _: number
            case "string":
                string = re.sub(r"\\(.)", r"\1", text[1:-1])
                return lambda _: string
            case "variable":
                if text not in self._variables:
                    raise QueryError(f"undefined placeholder {text}")
                return self._variables[text]
            case "name" if self._is("sign", "("):
                return self._function(text.lower())
            case "name":
                if text.split(".")[0] not in SOURCES:
                    raise QueryError(f"unknown field {text}")
                return lambda row: row.get(text, "")
        raise QueryError(f"unexpected {text}")

    def _function(self, name: str) -> Expression:
        arguments = [self._and()]
        while self._is("sign", ","):
            arguments.append(self._and())
        self._take("sign", ")")
        if name == "if" and len(arguments) == 3:
            condition, yes, no = arguments
            return lambda row: yes(row) if condition(row) else no(row)
        if name == "timestamp.get_timestamp" and len(arguments) == 3:
            seconds, form, zone = arguments
            if zone({}) != "UTC":
                raise QueryError("this emulator knows only UTC")
            pattern = str(form({})).replace("%F", "%Y-%m-%d")
            return lambda row: (
                datetime.fromtimestamp(seconds(row), UTC).strftime(pattern) if seconds(row) else ""
            )
        raise QueryError(f"unknown function {name}")

    def _is(self, kind: str, text: str) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at][0] == kind
        if found and self._tokens[self._at][1].lower() == text:
            self._at += 1
            return True
        return False

    def _take(self, kind: str, text: str | None = None) -> str:
        if self._at < len(self._tokens):
            found, value = self._tokens[self._at]
            if found == kind and text in (None, value):
                self._at += 1
                return value
        raise QueryError(f"expected {text or kind}")

    def _end(self) -> None:
        if self._at < len(self._tokens):
            raise QueryError(f"unexpected {self._tokens[self._at][1]}")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    text, at = text.strip(), 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found or found.lastgroup is None:
            raise QueryError(f"error with token: {text[at : at + 20]}")
        yield found.lastgroup, found[found.lastgroup]
        at = found.end()


def _each(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
_AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "count": lambda values: sum(value not in ("", None) for value in values),
    "count_distinct": lambda values: len({value for value in values if value not in ("", None)}),
    "sum": lambda values: sum(value or 0 for value in values),
    "max": max,
}
