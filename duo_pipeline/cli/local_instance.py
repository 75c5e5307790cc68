"""A Dagster instance in a folder, with the settings that the project ships."""

import shutil
from pathlib import Path

SHIPPED = Path(__file__).parents[2] / "deploy" / "local" / "dagster.yaml"


def local_instance(folder: Path) -> Path:
    """Make the folder a DAGSTER_HOME, and give it back."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(SHIPPED, folder / SHIPPED.name)
    return folder
