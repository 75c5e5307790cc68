"""The .env file of the current folder, as Dagster reads it."""

import os
from pathlib import Path

from dotenv import dotenv_values


def read_env_file() -> None:
    """Put the variables of .env into the environment; they override what is there."""
    os.environ.update(
        {name: value for name, value in dotenv_values(Path(".env")).items() if value is not None}
    )
