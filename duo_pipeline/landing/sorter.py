"""The lines of one hour in order, in bounded memory."""

import heapq
import pickle
import tempfile
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import IO, NamedTuple

ROWS_IN_MEMORY = 5_000


class Row(NamedTuple):
    """One line; rows sort by their fields, in this order.

    Attributes:
        ns: When the record was, in Unix nanoseconds.
        telephony_id: Its id, as bytes that sort as the text does.
        identity: What makes it the same record as another.
        there: Whether S3 has the line.
        line: The line, empty if S3 has it.
        type: The record's type.
        credits: What it cost.
    """

    ns: int
    telephony_id: bytes
    identity: bytes
    there: bool
    line: bytes = b""
    type: str = ""
    credits: int = 0


_RECORD = itemgetter(0, 1, 2)


class Sorter:
    """Takes rows in any order and gives them sorted, as often as asked.

    Beyond some thousand rows it keeps sorted runs in a temporary file and merges them, so that an hour of a
    million records needs no more memory than one of a thousand.
    """

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._runs: list[IO[bytes]] = []

    def close(self) -> None:
        """Drop the rows."""
        self._rows = []
        for run in self._runs:
            run.close()

    def add(self, row: Row) -> None:
        """Take a row."""
        self._rows.append(row)
        if len(self._rows) >= ROWS_IN_MEMORY:
            self._spill()

    def records(self) -> Iterator[list[Row]]:
        """Give the rows of each record, which are more than one if it came twice or is there."""
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
    while True:
        try:
            yield Row(*pickle.load(run))  # noqa: S301 - our own, a moment old
        except EOFError:
            return
