"""The names of run tags: Dagster's own, which are public only as text, and ours."""

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
PARTITION = "dagster/partition"
PARENT_RUN = "dagster/parent_run_id"
MAX_RETRIES = "dagster/max_retries"
WILL_RETRY = "dagster/will_retry"
STARTED_BY_CODE_SERVER = ".dagster/grpc_info"

ACCOUNT = "duo_account"
"""The name of the account that the run is for."""
EXPLAINED = "duo_failure_explained"
"""Marks a failed run whose reason is known: a reason for each hour, or one that concerns them all.
The hours of any other failed run are requested again in two parts, so that one bad hour cannot hold up
the rest."""
