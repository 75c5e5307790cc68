"""Take a feed over from the Lambda function of Google's guide. This is done once."""
