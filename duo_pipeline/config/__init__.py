"""What is set, and where it comes from: the environment, the file of accounts, AWS Secrets Manager."""
