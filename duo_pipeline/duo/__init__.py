"""Read Duo's Admin API, and its telephony log as a stream of records in time order."""
