"""The hour in S3: how a line is written, what is there already, what is new."""
