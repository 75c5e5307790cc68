"""Messages to an SNS topic: an hour is in trouble, and it is no longer."""
