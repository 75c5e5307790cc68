"""Check that the S3 store keeps an object as it was written, and honours If-None-Match.

Some stores keep the framing of the SDK's checksums (aws-chunked) as if it were part of the object: hours
would be read back with lines that nobody wrote, and land again. Some stores and some proxies drop
If-None-Match without an error: SecOps could ingest a log object twice.
"""

import re
from uuid import uuid4

from duo_pipeline import ndjson
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.bucket import Bucket, BucketError

_PROBE = re.compile(rb'\{"probe":"[0-9a-f-]{36}"\}\n')
_FRAMED = re.compile(rb"\A[0-9a-f]+(;[^\r\n]*)?\r\n")


def check_store(bucket: Bucket, probe: str) -> None:
    """Write the probe, read it, and write it again on the condition that it does not exist.

    The first write has no condition, so a store that refuses it refuses something else: a checksum, for
    example.

    Args:
        bucket: The bucket.
        probe: The key of an object that is written for this check, and is kept.

    Raises:
        BucketError: The store changes what is written or ignores the condition, or S3 refused a request or
            could not be reached.
    """
    with _new_probe() as first:
        bucket.put(probe, first)
    kept = bucket.content(probe)
    if not _PROBE.fullmatch(kept):  # another run may have written its own probe meanwhile
        raise BucketError(_changed(bucket.uri(probe), kept))
    with _new_probe() as second:
        written = bucket.put_new(probe, second)
        if written or bucket.content(probe) == second.rewound().read():
            raise BucketError(
                f"The S3 store overwrote {bucket.uri(probe)} although the request had If-None-Match, so it"
                " could rewrite log objects and SecOps would ingest them again: use Amazon S3 or a store that"
                " honours If-None-Match, and check that no proxy drops the header."
            )


def _new_probe() -> Body:
    body = Body()
    body.write(ndjson.line({"probe": str(uuid4())}))
    return body


def _changed(uri: str, kept: bytes) -> str:
    if _FRAMED.match(kept):
        return (
            f"The S3 store keeps {uri} with the framing of the request (aws-chunked) in it, so log objects"
            " would have lines that nobody wrote: set AWS_REQUEST_CHECKSUM_CALCULATION=when_required, with"
            " which the AWS SDK sends objects without framing, or use Amazon S3."
        )
    return (
        f"The S3 store does not return {uri} as it was written, so log objects would be damaged: check that"
        " no proxy changes requests or answers, or use Amazon S3."
    )
