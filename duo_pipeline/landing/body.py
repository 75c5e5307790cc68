"""Collect the body of an object before the upload: in memory if it is small, else on disk."""

import hashlib
import tempfile
from collections.abc import Iterable
from typing import IO, Self

_IN_MEMORY = 1 << 20


class Body:
    """Takes lines one by one, and is then read by an upload."""

    def __init__(self) -> None:
        self.lines = 0
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Delete the content."""
        self._file.close()

    def write(self, line: bytes) -> None:
        """Add one line; it must end in a newline."""
        self._file.write(line)
        self.lines += 1

    def write_all(self, lines: Iterable[bytes]) -> None:
        """Add several lines; each must end in a newline."""
        for line in lines:
            self.write(line)

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the content, as hex."""
        self._file.seek(0)
        return hashlib.file_digest(self._file, "sha256").hexdigest()

    def rewound(self) -> IO[bytes]:
        """Return the file, positioned at its beginning."""
        self._file.seek(0)
        return self._file
