"""Taking a feed over from the Lambda function of Google's guide: done once."""
