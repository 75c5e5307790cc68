"""Reading Duo: its Admin API, and in it the telephony log as a stream of records in time order."""
