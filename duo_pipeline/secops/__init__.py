"""Google SecOps: create the feed that reads the bucket."""
