"""docs/moving-from-lambda.md, command by command."""

import json
import random
import re
from collections import Counter
from datetime import timedelta

from duo_pipeline.defs.partitions import span
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.landing.line import as_sent, fingerprint
from duo_pipeline.sandbox.log import FixedLog
from tests.adoption.lambda_files import leave_hourly, untouched
from tests.conftest import ServedDuo
from tests.docs.conftest import Document, Machine
from tests.records import settled_hour, spread

HOURS = 6


def test_who_follows_it_has_each_record_once(machine: Machine, duo: ServedDuo, bucket: Bucket) -> None:
    (adopt, materialize, start), (look,) = Document.read("moving-from-lambda.md").commands.values()
    first = settled_hour(HOURS)
    last = first + timedelta(hours=HOURS - 1)
    shown = spread(first, 60, hours=HOURS)
    lost = random.Random(5).sample(shown, 3)
    left = leave_hourly(bucket, [record for record in shown if record not in lost], first, HOURS)
    before = untouched(bucket, left)
    duo.api.log = FixedLog(shown)

    said = machine.run(adopt)
    assert "✓" in said
    assert "state.json is the Lambda's checkpoint" in said
    (proposed,) = re.findall(r"dagster asset materialize .*", said)
    words = machine.for_hours(materialize, first, last).split()
    assert [".venv/bin/dagster", *proposed.split()[1:]] == words

    machine.run(materialize, first, last)
    lines = [json.loads(line) for key in bucket.keys("duo-telephony/dt=") for line in bucket.lines(key)]
    assert Counter(fingerprint(as_sent(line)) for line in lines) == Counter(map(fingerprint, lost))
    assert untouched(bucket, left) == before
    assert machine.dagster.events(first)[0]["records"] == 10

    assert start in Document.read("operations.md").commands["The daemon was down"]

    look = re.sub(r"s3://\S+", bucket.uri(left[0]), look)
    assert "credits" in machine.run(look, exit_code=1)
    assert span([first, last]) in said
