"""What telephony costs, and what looks like abuse: a day's lines in, usage and findings out."""
