"""Land an hour in S3: write its lines, find what already exists, and add what is new."""
