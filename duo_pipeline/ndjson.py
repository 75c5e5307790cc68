"""One JSON value a line, in UTF-8."""

import json
from typing import Any


def line(value: Any) -> bytes:  # noqa: ANN401 - any JSON
    """Write a value as one line, ended by a newline.

    Raises:
        ValueError: It holds NaN or an infinity, which JSON cannot write.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        return f"{text}\n".encode()
    except UnicodeEncodeError:  # half a surrogate pair, which only an escape can carry
        return (json.dumps(value, allow_nan=False, separators=(",", ":")) + "\n").encode()
