"""A Dagster instance in a folder, with the settings that come with the project."""

import shutil
from pathlib import Path

SHIPPED = Path(__file__).with_name("dagster.yaml")
"""It is in the package so that a wheel contains it; deploy/local/dagster.yaml is a link to it."""


def local_instance(folder: Path) -> Path:
    """Make the folder a DAGSTER_HOME, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(SHIPPED, folder / SHIPPED.name)
    return folder
