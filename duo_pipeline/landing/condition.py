"""Whether the store keeps If-None-Match: without it a log object could be written twice, and ingested twice.

Some S3 servers, and some proxies, drop the header without a word.
"""

from threading import Lock
from uuid import uuid4

from duo_pipeline import ndjson
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.bucket import Bucket, BucketError


class Condition:
    """Finds out once, for all threads that share it, whether the store keeps the condition."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept = False

    def require(self, bucket: Bucket, probe: str) -> None:
        """Return if the store keeps the condition, as `check_condition` does."""
        with self._lock:
            if not self._kept:
                check_condition(bucket, probe)
                self._kept = True


def check_condition(bucket: Bucket, probe: str) -> None:
    """Return if the store keeps the condition: it neither writes over the probe, nor says that it did not.

    Args:
        bucket: The bucket.
        probe: The key of an object that is written to find out, and stays.

    Raises:
        BucketError: It does not, or S3 refused or could not be reached.
    """
    for _ in range(2):  # the first may make the probe, and its answer may be lost
        line = ndjson.line({"probe": str(uuid4())})
        with Body() as body:
            body.write(line)
            written = bucket.put_new(probe, body)
        if not written and line.strip() not in bucket.lines(probe):
            return
    raise BucketError(
        f"The S3 store wrote over {bucket.uri(probe)} although If-None-Match forbade it, so it would rewrite"
        " log objects and SecOps would ingest them again: use Amazon S3 or a store that keeps If-None-Match,"
        " and check that no proxy on the way drops the header."
    )
