"""The body of an object while it is written: on disk when it is large, its digest known at the end."""

import hashlib
import tempfile
from collections.abc import Iterable
from itertools import islice
from types import TracebackType
from typing import IO, Self

_IN_MEMORY = 1 << 20
_AT_ONCE = 500


class Body:
    """Lines written one by one, and then read back by an upload."""

    def __init__(self) -> None:
        self.lines = 0
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop it."""
        self._file.close()

    def write(self, line: bytes) -> None:
        """Add one line, which ends in a newline."""
        self._file.write(line)
        self.lines += 1

    def write_all(self, lines: Iterable[bytes]) -> None:
        """Add lines, each of which ends in a newline."""
        lines = iter(lines)
        while some := list(islice(lines, _AT_ONCE)):
            self._file.write(b"".join(some))
            self.lines += len(some)

    @property
    def sha256(self) -> str:
        """The SHA-256 of all that was written, as hex."""
        self._file.seek(0)
        return hashlib.file_digest(self._file, "sha256").hexdigest()

    def rewound(self) -> IO[bytes]:
        """Give the file from its beginning."""
        self._file.seek(0)
        return self._file
