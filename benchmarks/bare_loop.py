"""The pipeline's requests and objects, without the pipeline.

    python -m benchmarks.bare_loop FIRST LAST SOURCE_BUCKET

It reads the same pages with requests, one after the other and without retries. It writes the same objects
with boto3: it copies the feed and the UDM events of the bucket SOURCE_BUCKET to S3_BUCKET. It prints JSON.
"""

import email.utils
import json
import os
import sys
import time
from datetime import datetime

import boto3
import requests

from duo_pipeline.defs.partitions import HOUR, hour_of
from duo_pipeline.duo.signature import canonical_parameters, sign
from duo_pipeline.instants import unix_ms

PATH = "/admin/v2/logs/telephony"
PREFIXES = ("duo-telephony/", "duo-telephony-work/udm/")


def main() -> None:
    first, last = hour_of(sys.argv[1]), hour_of(sys.argv[2])
    s3 = boto3.client("s3")
    objects = {}
    for prefix in PREFIXES:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=sys.argv[3], Prefix=prefix):
            for found in page.get("Contents", []):
                key = found["Key"]
                objects[key] = s3.get_object(Bucket=sys.argv[3], Key=key)["Body"].read()
    began = time.perf_counter()
    _read_pages(first, last + HOUR)
    read = time.perf_counter()
    for key, body in objects.items():
        s3.put_object(Bucket=os.environ["S3_BUCKET"], Key=key, Body=body)
    end = time.perf_counter()
    parts = {"pages": read - began, f"{len(objects):,} objects": end - read}
    json.dump({"seconds": end - began, **parts}, sys.stdout)


def _read_pages(start: datetime, end: datetime) -> None:
    url, ikey, skey = (os.environ[name] for name in ("DUO_API_HOST", "DUO_IKEY", "DUO_SKEY"))
    parameters = {
        "mintime": str(unix_ms(start)),
        "maxtime": str(unix_ms(end)),
        "limit": "1000",
        "sort": "ts:asc",
    }
    session = requests.Session()
    while True:
        date = email.utils.formatdate()
        signed = sign(skey, date=date, host="127.0.0.1", path=PATH, parameters=parameters)
        page = session.get(
            f"{url}{PATH}?{canonical_parameters(parameters)}",
            headers={"Date": date},
            auth=(ikey, signed),
            timeout=60,
        ).json()["response"]
        if len(page["items"]) < 1000:
            return
        parameters["next_offset"] = page["metadata"]["next_offset"]


if __name__ == "__main__":
    main()
