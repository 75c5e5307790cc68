"""Count the temporary files of this process, and take the room for them away."""

import os
import resource
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from duo_pipeline.landing import sorter


def open_files() -> int:
    """Return how many files are open whose name is already deleted, as a temporary file's is."""
    count = 0
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 - only the numbers
        with suppress(OSError):  # the descriptor of this list is closed by now
            status = os.fstat(int(name))
            count += stat.S_ISREG(status.st_mode) and not status.st_nlink
    return count


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let the system refuse each write that makes a file larger than this, as a full disk does."""
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))


def without_folder(monkeypatch: pytest.MonkeyPatch, rows_in_memory: int = 1) -> None:
    """Let this many rows need a temporary file, whose folder is gone."""
    monkeypatch.setattr(sorter, "ROWS_IN_MEMORY", rows_in_memory)
    monkeypatch.setattr(tempfile, "tempdir", "/gone")


NO_FOLDER = "Temporary files cannot be written to /gone (No such file or directory): make sure"
