"""Sort the lines of one hour in bounded memory."""

import heapq
import pickle
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from typing import IO, NamedTuple

ROWS_IN_MEMORY = 5_000


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

    Beyond a few thousand rows it keeps sorted runs in temporary files and merges them, so that an hour of a
    million records needs no more memory than one of a thousand.
    """

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._runs: list[IO[bytes]] = []

    def close(self) -> None:
        """Delete the rows."""
        self._rows = []
        for run in self._runs:
            run.close()

    def add(self, row: Row) -> None:
        """Add a row."""
        self._rows.append(row)
        if len(self._rows) >= ROWS_IN_MEMORY:
            self._spill()

    def records(self) -> Iterator[list[Row]]:
        """Yield the rows of each record. It has several if it came twice or if S3 already has it."""
        self._rows.sort()
        rows = heapq.merge(*map(_read, self._runs), self._rows) if self._runs else iter(self._rows)
        return (list(same) for _, same in groupby(rows, _RECORD))

    def _spill(self) -> None:
        run = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._runs.append(run)
        for row in sorted(self._rows):
            pickle.dump(tuple(row), run, pickle.HIGHEST_PROTOCOL)
        self._rows = []


def _read(run: IO[bytes]) -> Iterator[Row]:
    run.seek(0)
    with suppress(EOFError):
        while True:
            yield Row(*pickle.load(run))  # noqa: S301 - written by this process
