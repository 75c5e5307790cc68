"""Read and write NDJSON: one JSON value per line, in UTF-8."""

import json
from functools import partial
from typing import Any, TypeGuard

import orjson

NOT_JSON = object()


def record(text: bytes) -> dict[str, Any] | None:
    """Return the JSON object of a line, or None if the line is not a JSON object."""
    value = parsed(text)
    return value if isinstance(value, dict) else None


def parsed(text: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Return the JSON value of a text in UTF-8, with or without a byte order mark, or `NOT_JSON`."""
    try:
        # decoded here: json.loads takes bytes for UTF-16 or UTF-32 if they look like it
        return json.loads(text.decode("utf-8-sig", "surrogatepass"))
    except (ValueError, RecursionError):
        return NOT_JSON


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is a JSON number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def line(value: Any) -> bytes:  # noqa: ANN401 - any JSON
    """Return a value as one line that ends in a newline.

    Raises:
        ValueError: JSON cannot represent the value; the text is a clause that says why.
    """
    try:
        return _written(value, orjson.OPT_APPEND_NEWLINE) or _written_slowly(value, allow_nan=False) + b"\n"
    except ValueError:
        raise ValueError("it contains a number that JSON cannot represent") from None


def canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON
    """Return a value as JSON with sorted keys, so that equal values have equal bytes. NaN is allowed."""
    return _written(value, orjson.OPT_SORT_KEYS) or _written_slowly(value, sort_keys=True)


def _written(value: Any, options: int) -> bytes | None:  # noqa: ANN401 - any JSON
    """Return a value as orjson writes it, or None if orjson cannot write it or may have changed it.

    It can write neither integers beyond 64 bits nor half a surrogate pair, and it writes NaN as null.
    """
    try:
        text = orjson.dumps(value, option=options)
    except TypeError:
        return None
    return None if b"null" in text else text


def _written_slowly(value: Any, *, allow_nan: bool = True, sort_keys: bool = False) -> bytes:  # noqa: ANN401 - any JSON
    encoder = partial(json.dumps, value, allow_nan=allow_nan, sort_keys=sort_keys, separators=(",", ":"))
    try:
        return encoder(ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a surrogate pair can be written only as an escape
        return encoder().encode()
