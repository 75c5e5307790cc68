"""Tests of reading files that are packed with gzip."""

import gzip
import io
import random

import pytest

from duo_pipeline.landing import packed
from duo_pipeline.landing.packed import PackedError, unpacked_lines

LINES = [b'{"n": %d}' % number for number in range(5_000)]
WHOLE = gzip.compress(b"\n".join(LINES))


def read(content: bytes) -> tuple[list[bytes], str]:
    """Return the lines that could be read, and the reason why there are no more."""
    found: list[bytes] = []
    try:
        for line in unpacked_lines(io.BytesIO(content)):
            found.append(line)
    except PackedError as error:
        return found, str(error)
    return found, ""


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(WHOLE, id="one member"),
        pytest.param(
            gzip.compress(b"\n".join(LINES[:70])) + gzip.compress(b"\n" + b"\n".join(LINES[70:])),
            id="two members",
        ),
        pytest.param(WHOLE + b"\0" * 512, id="padding"),
        pytest.param(WHOLE + gzip.compress(b""), id="an empty member"),
        pytest.param(gzip.compress(b"\r\n".join(LINES)), id="other line ends"),
        pytest.param(gzip.compress(b"\n".join(LINES), compresslevel=0), id="stored"),
    ],
)
def test_the_lines_of_all_members_are_read(content: bytes) -> None:
    assert read(content) == (LINES, "")


def test_an_empty_file_has_no_lines() -> None:
    assert read(b"") == ([], "")


def test_a_file_that_is_cut_off_yields_what_came_before() -> None:
    noise = random.Random(1)
    lines = [noise.randbytes(40).hex().encode() for _ in range(5_000)]
    found, reason = read(gzip.compress(b"\n".join(lines))[:100_000])
    assert reason == "it is cut off"
    assert 1_000 < len(found) < 5_000
    assert found == lines[: len(found)]


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 a zip",
        b"\x28\xb5\x2f\xfd zstd",
        b'{"n": 0}\n',
        WHOLE + b"no padding",
    ],
)
def test_what_is_not_gzip_is_said_to_be_none(content: bytes) -> None:
    assert read(content)[1] == "it is not gzip, or is damaged"


def test_a_byte_that_was_changed_is_noticed() -> None:
    assert read(WHOLE[:-8] + bytes(4) + WHOLE[-4:])[1] == "it is not gzip, or is damaged"


def test_a_file_that_unpacks_to_too_much_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MOST_BYTES", 1 << 30)
    monkeypatch.setattr(packed, "LONGEST_LINE", 1 << 20)
    assert read(gzip.compress(b"0" * (8 << 20)))[1] == "it has a line of more than 1 MB"
    monkeypatch.setattr(packed, "MOST_BYTES", 10_000)
    found, reason = read(WHOLE)
    assert reason == "it holds more than 0 GB"
    assert sum(len(line) + 1 for line in found) <= 10_000
