"""What Dagster has of an account if ``SECOPS_*`` is set: the receipts, and the check of the parser."""
