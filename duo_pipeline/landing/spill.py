"""Temporary files, for what an hour has beyond what may be in memory. TMPDIR names their folder."""

import tempfile
from typing import Final

ROOM_FOR_A_MILLION = 2 << 30
"""How many bytes the temporary files of an hour of 1,000,000 records may take; with lines of 300 bytes it is
0.8 GiB."""


class SpillError(Exception):
    """A temporary file cannot be written; the text is one sentence that says what to do.

    Attributes:
        scope: As that of a `BucketError`: other hours may be small enough for the memory.
    """

    scope: Final = "one key"


def cannot_spill(error: OSError) -> SpillError:
    """Return the error for a temporary file that could not be created or written."""
    try:
        folder = tempfile.gettempdir()
    except FileNotFoundError:
        return SpillError(
            "There is no folder that temporary files can be written to: set TMPDIR to one that is on a disk"
            " with room."
        )
    return SpillError(
        f"Temporary files cannot be written to {folder} ({error.strerror}): make sure that this is a folder"
        " that can be written and has room, or set TMPDIR to another one."
    )
