"""Check whether the S3 store honours If-None-Match: without it, SecOps could ingest a log object twice.

Some S3 servers and some proxies drop the header without an error.
"""

from uuid import uuid4

from duo_pipeline import ndjson
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.bucket import Bucket, BucketError


def check_store(bucket: Bucket, probe: str) -> None:
    """Check that the store honours If-None-Match: a second write must neither succeed nor change the probe.

    Args:
        bucket: The bucket.
        probe: The key of an object that is written for this check, and is kept.

    Raises:
        BucketError: The store ignores the header, or S3 refused a request or could not be reached.
    """
    for _ in range(2):  # the first write may create the probe, and its answer may be lost
        line = ndjson.line({"probe": str(uuid4())})
        with Body() as body:
            body.write(line)
            written = bucket.put_new(probe, body)
        if not written and line.strip() not in bucket.lines(probe):
            return
    raise BucketError(
        f"The S3 store overwrote {bucket.uri(probe)} although the request had If-None-Match, so it could"
        " rewrite log objects and SecOps would ingest them again: use Amazon S3 or a store that honours"
        " If-None-Match, and check that no proxy drops the header."
    )
