"""Collect the body of an object before the upload: in memory if it is small, else on disk."""

import hashlib
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from typing import IO, Self

from duo_pipeline.landing.spill import cannot_spill

_IN_MEMORY = 1 << 20


class Body:
    """Takes lines one by one, and is then read by an upload.

    Raises:
        SpillError: From its methods, if the lines are too long for the memory and cannot be written to disk.
    """

    def __init__(self) -> None:
        self.lines = 0
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Delete the content."""
        with suppress(OSError):  # a full disk may refuse what is still in the buffer, which nobody needs
            self._file.close()

    def write(self, line: bytes) -> None:
        """Add one line; it must end in a newline."""
        try:
            self._file.write(line)
        except OSError as error:
            raise cannot_spill(error) from None
        self.lines += 1

    def write_all(self, lines: Iterable[bytes]) -> None:
        """Add several lines; each must end in a newline."""
        for line in lines:
            self.write(line)

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the content, as hex."""
        self.rewound()
        return hashlib.file_digest(self._file, "sha256").hexdigest()

    def rewound(self) -> IO[bytes]:
        """Return the file, positioned at its beginning."""
        try:
            self._file.seek(0)  # this also writes what is still in the buffer
        except OSError as error:
            raise cannot_spill(error) from None
        return self._file
