"""The command line, `duo-pipeline`."""

from duo_pipeline.cli.main import main

__all__ = ["main"]
