"""One measurement in a process of its own: python -m benchmarks.range_run WHAT FIRST LAST; prints JSON.

WHAT is `pipeline` (the job `telephony` over the range), `trivial` (two assets that do nothing, over the same
range), or `bare` (the same pages with requests, and the same objects, read from the bucket BARE_FROM, with
boto3).
"""

import email.utils
import json
import os
import sys
import time
from datetime import datetime

import boto3
import dagster as dg
import requests

from duo_pipeline.duo.signature import canonical_parameters, sign
from duo_pipeline.duo.telephony_log import LIMIT, PATH
from duo_pipeline.instants import unix_ms
from duo_pipeline.partitions import HOUR, hour_of, hourly
from duo_pipeline.schedules import run_request

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def main() -> None:
    what, first, last = sys.argv[1], hour_of(sys.argv[2]), hour_of(sys.argv[3])
    seconds = {"pipeline": pipeline, "trivial": trivial, "bare": bare}[what](first, last)
    sys.stdout.write(json.dumps(seconds))


def pipeline(first: datetime, last: datetime) -> dict[str, float]:
    from duo_pipeline.definitions import defs

    return run(defs, "telephony", first, last)


def trivial(first: datetime, last: datetime) -> dict[str, float]:
    partitions = hourly(first)
    single = dg.BackfillPolicy.single_run()

    @dg.asset(partitions_def=partitions, backfill_policy=single)
    def one() -> None: ...

    @dg.asset(partitions_def=partitions, backfill_policy=single, deps=[one])
    def two() -> None: ...

    job = dg.define_asset_job("trivial", selection=[one, two])
    return run(
        dg.Definitions([one, two], jobs=[job], executor=dg.in_process_executor), "trivial", first, last
    )


def run(defs: dg.Definitions, job: str, first: datetime, last: datetime) -> dict[str, float]:
    request = run_request(first, last)
    definition = defs.resolve_job_def(job)
    with dg.DagsterInstance.get() as instance:
        began = time.perf_counter()
        result = definition.execute_in_process(
            run_config=QUIET, instance=instance, tags=request.tags, partition_key=request.partition_key
        )
        seconds = {"all": time.perf_counter() - began}
    for event in result.get_step_success_events():
        duration = event.step_success_data.duration_ms / 1000
        seconds[str(event.step_key).removeprefix("duo__")] = duration
    return seconds


def bare(first: datetime, last: datetime) -> dict[str, float]:
    s3 = boto3.client("s3")
    source, target = os.environ["BARE_FROM"], os.environ["S3_BUCKET"]
    prefixes = ("duo-telephony/", "duo-telephony-work/udm/")
    pages = (
        page
        for prefix in prefixes
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=source, Prefix=prefix)
    )
    keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
    objects = [(key, s3.get_object(Bucket=source, Key=key)["Body"].read()) for key in keys]
    began = time.perf_counter()
    read_pages(first, last)
    read = time.perf_counter()
    for key, body in objects:
        s3.put_object(Bucket=target, Key=key, Body=body)
    end = time.perf_counter()
    return {"all": end - began, "pages": read - began, "objects": end - read}


def read_pages(first: datetime, last: datetime) -> None:
    url, host = os.environ["DUO_API_HOST"], "127.0.0.1"
    parameters = {"mintime": str(unix_ms(first)), "maxtime": str(unix_ms(last + HOUR)), "limit": str(LIMIT)}
    parameters["sort"] = "ts:asc"
    session = requests.Session()
    while True:
        date = email.utils.formatdate()
        signature = sign(
            os.environ["DUO_SKEY"], date=date, method="GET", host=host, path=PATH, parameters=parameters
        )
        answer = session.get(
            f"{url}{PATH}?{canonical_parameters(parameters)}",
            headers={"Date": date},
            auth=(os.environ["DUO_IKEY"], signature),
            timeout=60,
        ).json()["response"]
        if len(answer["items"]) < LIMIT:
            return
        parameters["next_offset"] = answer["metadata"]["next_offset"]


if __name__ == "__main__":
    main()
