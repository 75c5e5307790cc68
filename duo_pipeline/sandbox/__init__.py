"""The outside world on loopback, for demo and tests: an emulated Duo Admin API and a real S3 server."""
