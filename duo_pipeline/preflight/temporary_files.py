"""Temporary files: where they go, and whether there is room for those of a busy hour."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import psutil

from duo_pipeline.landing.spill import ROOM_FOR_A_MILLION, cannot_spill
from duo_pipeline.preflight.lines import Group

FILES = "temporary files"
IN_MEMORY = ("tmpfs", "ramfs")


def check(environ: Mapping[str, str]) -> Group:
    """Find the folder of the temporary files, and look at its room.

    Python takes the folder that ``TMPDIR`` names, or another one if it cannot write there.
    """
    group = Group("this machine", FILES)
    try:
        folder = tempfile.gettempdir()
    except FileNotFoundError as error:
        group.fail(FILES, str(cannot_spill(error)))
        return group
    wanted, free = environ.get("TMPDIR"), shutil.disk_usage(folder).free
    room = f"{ROOM_FOR_A_MILLION / 2**30:.0f} GiB"
    if wanted and os.path.abspath(wanted) != folder:  # noqa: PTH100 - as tempfile does
        group.warn(
            FILES,
            f"Nothing can be written to {wanted}, which TMPDIR names, so temporary files go to {folder}: set"
            " TMPDIR to a folder that can be written and has room.",
        )
    elif _file_system(folder) in IN_MEMORY:
        group.warn(
            FILES,
            f"Temporary files go to {folder}, which is in memory. Those of an hour of 1,000,000 records take"
            f" up to {room}: set TMPDIR to a folder on a disk.",
        )
    elif free < ROOM_FOR_A_MILLION:
        group.warn(
            FILES,
            f"Temporary files go to {folder}, which has {free / 2**20:,.0f} MiB free. Those of an hour of"
            f" 1,000,000 records take up to {room}: make room there, or set TMPDIR to a folder that has it.",
        )
    else:
        group.ok(FILES, f"They go to {folder}, which has {free / 2**30:,.0f} GiB free.")
    return group


def _file_system(folder: str) -> str:
    """Return the type of the file system that has a folder; empty if it is not known."""
    types = {Path(mount.mountpoint): mount.fstype for mount in psutil.disk_partitions(all=True)}
    place = Path(folder).resolve()
    return next((types[one] for one in (place, *place.parents) if one in types), "")
