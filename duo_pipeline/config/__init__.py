"""The settings, and where they come from: the environment, the file of accounts, AWS Secrets Manager."""
