"""Read the lines of a file that is packed with gzip, in bounded memory.

SecOps unpacks what it reads if the name ends in ``.gz``, and takes files of up to 2 GB.
"""

import gzip
import zlib
from collections.abc import Iterator
from typing import IO

MOST_BYTES = 2 << 30
"""How much a file may hold, unpacked."""
LONGEST_LINE = 64 << 20
"""SecOps takes 4 MB, but another collector may have written a whole answer of Duo's as one line."""

MAGIC = b"\x1f\x8b"
"""How each gzip file begins."""


class PackedError(ValueError):
    """A file cannot be unpacked; the text is a clause that says why."""


def is_packed(name: str) -> bool:
    """Return whether SecOps unpacks a file with this name."""
    return name.endswith(".gz")


def unpacked_lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of a gzip file, without the line ends, as far as they can be unpacked.

    Raises:
        PackedError: The file is not gzip, is damaged or cut off, or holds too much.
    """
    total = 0
    try:
        with gzip.GzipFile(fileobj=file) as unpacked:
            while line := unpacked.readline(LONGEST_LINE + 1):
                total += len(line)
                if len(line) > LONGEST_LINE:
                    raise PackedError(f"it has a line of more than {LONGEST_LINE >> 20} MB")
                if total > MOST_BYTES:
                    raise PackedError(f"it holds more than {MOST_BYTES >> 30} GB")
                yield line.rstrip(b"\r\n")
    except EOFError:
        raise PackedError("it is cut off") from None
    except (gzip.BadGzipFile, zlib.error):
        raise PackedError("it is not gzip, or is damaged") from None
