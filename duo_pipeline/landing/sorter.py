"""Sort the lines of one hour in bounded memory."""

import heapq
import pickle
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from io import SEEK_END
from itertools import groupby
from operator import itemgetter
from typing import IO, NamedTuple

from duo_pipeline.landing.spill import cannot_spill

ROWS_IN_MEMORY = 5_000
BYTES_IN_MEMORY = 8 << 20
"""How many bytes of lines are in memory, if they are long."""
ROW_BYTES = 150
"""About what a row takes in the file, in addition to its line."""
BLOCK_BYTES = 1 << 13
"""How much of each sorted part is in memory while the parts are merged."""


class Row(NamedTuple):
    """One line. Rows are sorted by their fields, in this order.

    Attributes:
        ns: The time of the record, in Unix nanoseconds.
        record_id: The id of the record, as bytes that sort as the text does.
        fingerprint: The hash of the record; equal records have equal ones.
        existing: Whether S3 already has the record.
        line: The line; empty if S3 already has the record.
        type: The type of the record.
        credits: The credits of the record.
    """

    ns: int
    record_id: bytes
    fingerprint: bytes
    existing: bool
    line: bytes = b""
    type: str = ""
    credits: int = 0


_RECORD = itemgetter(0, 1, 2)


class Sorter:
    """Takes rows in any order and returns them sorted, as often as needed.

    Beyond a few thousand rows it keeps sorted parts in a temporary file and merges them, so that an hour of a
    million records needs little more memory than one of a thousand. All parts are in one file, because a
    process may have only so many open.

    Raises:
        SpillError: From its methods, if the file cannot be written.
    """

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None
        self._parts: list[tuple[int, int]] = []

    def close(self) -> None:
        """Delete the rows."""
        self._rows = []
        if self._file:
            with suppress(OSError):  # a full disk may refuse what is still in the buffer, which nobody needs
                self._file.close()

    def add(self, row: Row) -> None:
        """Add a row."""
        self._rows.append(row)
        self._bytes += len(row.line)
        if len(self._rows) >= ROWS_IN_MEMORY or self._bytes >= BYTES_IN_MEMORY:
            try:
                self._spill()
            except OSError as error:
                raise cannot_spill(error) from None

    def records(self) -> Iterator[list[Row]]:
        """Yield the rows of each record. It has several if it came twice or if S3 already has it."""
        self._rows.sort()
        parts = (_read(self._file, *part) for part in self._parts) if self._file else ()
        return (list(same) for _, same in groupby(heapq.merge(*parts, self._rows), _RECORD))

    def _spill(self) -> None:
        """Write the rows in memory to the end of the file, as a sorted part of small blocks."""
        if not self._file:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        start = self._file.seek(0, SEEK_END)
        block: list[tuple[object, ...]] = []
        size = 0
        for row in sorted(self._rows):
            block.append(tuple(row))
            size += ROW_BYTES + len(row.line)
            if size >= BLOCK_BYTES:
                pickle.dump(block, self._file, pickle.HIGHEST_PROTOCOL)
                block, size = [], 0
        pickle.dump(block, self._file, pickle.HIGHEST_PROTOCOL)
        self._file.flush()
        self._parts.append((start, self._file.tell()))
        self._rows, self._bytes = [], 0


def _read(file: IO[bytes], start: int, end: int) -> Iterator[Row]:
    """Yield the rows of a sorted part, of which one block at a time is in memory."""
    while start < end:
        file.seek(start)
        block = pickle.load(file)  # noqa: S301 - written by this process
        start = file.tell()
        yield from map(Row._make, block)
