"""Cisco Duo's telephony log, delivered to Google SecOps: every record once, hour by hour, by Dagster."""

from importlib.metadata import version

__version__ = version("duo-pipeline")
