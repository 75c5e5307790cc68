"""Dagster's assets: thin, they join reading Duo, landing and the mapping."""
