"""Try everything that a run needs before there is one: the settings, Duo, the bucket, Dagster."""
