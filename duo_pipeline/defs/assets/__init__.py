"""Dagster's assets. They are thin: they join reading Duo, landing and the mapping."""
