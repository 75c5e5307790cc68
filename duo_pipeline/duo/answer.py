"""Read the JSON of Duo's answers, in which single items may be unreadable."""

import json
import re
from typing import Any

from duo_pipeline.records import Reject

DEEPEST = 64
"""How deep an item may be nested. Python and SecOps can read deeper ones, but not every library can write
them."""
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[][{},]', re.DOTALL)
_ITEMS = re.compile(rb'"items"\s*:\s*\Z')
_KEY_BYTES = 64


class _ConstantError(ValueError):
    """NaN or an infinity, which JSON does not have and Python reads all the same."""


def _refuse(constant: str) -> None:
    raise _ConstantError(f"it contains {constant}, which JSON does not allow")


def read(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Read an answer; replace each item in ``items`` that cannot be read by a `Reject` with its bytes.

    Examples are an integer with 5,000 digits, bytes that are not UTF-8, and an object nested 1,500 deep.

    Raises:
        ValueError: The answer as a whole is not JSON, or was cut off.
    """
    try:
        answer = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return _read_piece_by_piece(body)
    items = _items(answer)
    # each level of an item has one opening bracket, so a page with few brackets has no deep item
    if items is not None and body.count(b"{") + body.count(b"[") > len(items) + DEEPEST:
        return _read_piece_by_piece(body)
    return answer


def _read_piece_by_piece(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    rest, pieces = _taken_apart(body)
    try:
        answer = json.loads(rest)
    except RecursionError:
        raise ValueError("nested too deep") from None
    items = _items(answer)
    if items is None:
        raise ValueError("not an answer with items")
    items += [_item(text.strip(), depth) for text, depth in pieces]
    return answer


def _items(answer: Any) -> list[Any] | None:  # noqa: ANN401 - any JSON
    response = answer.get("response") if isinstance(answer, dict) else None
    items = response.get("items") if isinstance(response, dict) else None
    return items if isinstance(items, list) else None


def _item(text: bytes, depth: int) -> Any:  # noqa: ANN401 - any JSON
    if depth > DEEPEST:
        return Reject(text, f"it is nested deeper than {DEEPEST} levels")
    try:
        return json.loads(text, parse_constant=_refuse)
    except _ConstantError as error:
        return Reject(text, str(error))
    except UnicodeDecodeError:
        return Reject(text, "it is not UTF-8")
    except json.JSONDecodeError:
        return Reject(text, "it is not JSON")
    except ValueError:
        return Reject(text, "it contains an integer with too many digits")


def _taken_apart(body: bytes) -> tuple[bytes, list[tuple[bytes, int]]]:
    """Return an answer without its items, and each item with its depth, as the brackets tell.

    Raises:
        ValueError: There is no array of items, or it does not end.
    """
    depth = start = deepest = 0
    array = -1
    pieces: list[tuple[bytes, int]] = []
    for token in _TOKEN.finditer(body):
        match token[0]:
            case b"{" | b"[" as bracket:
                at = token.start()
                is_list = array < 0 and depth == 2 and bracket == b"["
                if is_list and _ITEMS.search(body, max(0, at - _KEY_BYTES), at):
                    array, start, deepest = at, token.end(), 0
                depth += 1
                deepest = max(deepest, depth - 3)
            case b"," if array >= 0 and depth == 3:
                pieces.append((body[start : token.start()], deepest))
                start, deepest = token.end(), 0
            case b"}" | b"]" as bracket:
                depth -= 1
                if array >= 0 and depth == 2:
                    if bracket == b"}":
                        break
                    if pieces or body[start : token.start()].strip():
                        pieces.append((body[start : token.start()], deepest))
                    return body[:array] + b"[]" + body[token.end() :], pieces
    raise ValueError("not JSON")
