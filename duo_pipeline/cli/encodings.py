"""Print on a terminal, or into a pipe or a file, whose encoding lacks characters: cp1252, latin-1, ASCII."""

import codecs
import io
import sys

_ERRORS = "duo_pipeline.nearest"
_NEAREST = {"✓": "+", "✗": "x", "•": "*", "…": "...", "\N{EN DASH}": "-", "→": "->"}


def print_in_any_encoding() -> None:
    """Make standard output and standard error print a nearest character, or a code, for what they lack."""
    codecs.register_error(_ERRORS, _nearest)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ERRORS)


def _nearest(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)  # noqa: S101 - streams that only write
    lacking = error.object[error.start : error.end]
    codes = (one.encode("ascii", "backslashreplace").decode() for one in lacking)
    return "".join(_NEAREST.get(one, code) for one, code in zip(lacking, codes, strict=True)), error.end
