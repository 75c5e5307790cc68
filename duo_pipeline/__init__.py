"""Cisco Duo's telephony log, delivered to Google SecOps: every record once, hour by hour, by Dagster."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("duo-pipeline")
except PackageNotFoundError:
    # The name makes `python -m` print the sentence without a traceback.
    raise ImportError(
        "duo_pipeline is not installed: run `make install` in its checkout, then use .venv/bin/duo-pipeline"
        " or .venv/bin/python.",
        name=__name__,
    ) from None
