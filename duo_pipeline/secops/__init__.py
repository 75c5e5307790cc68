"""Google SecOps: ask what it has received, and create the feed that reads the bucket."""
