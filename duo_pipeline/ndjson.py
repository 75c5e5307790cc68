"""One JSON value a line, in UTF-8."""

import json
from typing import Any

import orjson


def record(text: bytes) -> dict[str, Any] | None:
    """Read a line as one JSON object; nothing if it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def line(value: Any) -> bytes:  # noqa: ANN401 - any JSON
    """Write a value as one line, ended by a newline.

    Raises:
        ValueError: JSON cannot write it; the text is a clause that says why.
    """
    try:
        return _written(value, orjson.OPT_APPEND_NEWLINE) or _written_slowly(value, allow_nan=False) + b"\n"
    except ValueError:
        raise ValueError("it holds a number that JSON cannot write") from None


def canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON
    """Write a value so that equal values are written equally: its keys are sorted. NaN is taken, too."""
    return _written(value, orjson.OPT_SORT_KEYS) or _written_slowly(value, sort_keys=True)


def _written(value: Any, options: int) -> bytes | None:  # noqa: ANN401 - any JSON
    """Write by orjson; nothing where it cannot, or may have written another value.

    It cannot write integers beyond 64 bits and half a surrogate pair, and writes NaN as null.
    """
    try:
        text = orjson.dumps(value, option=options)
    except TypeError:
        return None
    return None if b"null" in text else text


def _written_slowly(value: Any, *, allow_nan: bool = True, sort_keys: bool = False) -> bytes:  # noqa: ANN401 - any JSON
    for ensure_ascii in (False, True):  # half a surrogate pair can be written as an escape alone
        text = json.dumps(
            value, ensure_ascii=ensure_ascii, allow_nan=allow_nan, sort_keys=sort_keys, separators=(",", ":")
        )
        try:
            return text.encode()
        except UnicodeEncodeError:
            continue
    raise AssertionError("unreachable: ASCII can be encoded")
