"""The names of the tags of runs: Dagster's own, which are public only as text, and ours."""

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
PARTITION = "dagster/partition"
PARENT_RUN = "dagster/parent_run_id"
MAX_RETRIES = "dagster/max_retries"
WILL_RETRY = "dagster/will_retry"
STARTED_BY_CODE_SERVER = ".dagster/grpc_info"

ACCOUNT = "duo_account"
"""The account of an account's run."""
EXPLAINED = "duo_failure_explained"
"""Of a failed run it is known why: there is a reason for each hour, or one that meets them all.
The hours of any other failed run are asked for again in parts, so that none can hold up the rest."""
