"""Google SecOps: the feed that reads the bucket."""
