"""All that a run needs, tried before there is one: the settings, Duo, the bucket, Dagster."""
