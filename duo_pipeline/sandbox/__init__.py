"""Run an emulated Duo Admin API and a real S3 server on loopback, for the demo and the tests."""
