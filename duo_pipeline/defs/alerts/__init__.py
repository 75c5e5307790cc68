"""Messages to an SNS topic: one when an incident begins, one when it is over."""
