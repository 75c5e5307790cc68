"""What the checks of the UDM events say of each hour, and the findings behind them."""

import json
from datetime import timedelta

import dagster as dg
import pytest

from duo_pipeline.defs.checks.udm import UDM_CHECKS
from duo_pipeline.defs.partitions import key_of
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.sandbox.log import FixedLog
from tests.conftest import ServedDuo
from tests.defs.assets.dagster_run import UDM, DagsterRun
from tests.defs.assets.test_telephony_udm import read
from tests.defs.checks.test_evaluations import said
from tests.landing.test_bucket import body_of
from tests.records import sent, settled_hour, spread

HOUR = timedelta(hours=1)
NAMES = [check.name for check in UDM_CHECKS]


def green(dagster: DagsterRun, key: str) -> dict[str, bool]:
    return {name: said(dagster, UDM, name)[key][0] for name in NAMES}


def test_in_the_default_format_every_check_is_green(dagster: DagsterRun, duo: ServedDuo) -> None:
    hour = settled_hour()
    duo.api.log = FixedLog(spread(hour, 3))
    dagster.run(hour)
    assert green(dagster, key_of(hour)) == dict.fromkeys(NAMES, True)


def test_lines_as_duo_sent_them_fail_and_the_text_says_why_and_what_to_do(
    dagster: DagsterRun, duo: ServedDuo, settings: pytest.MonkeyPatch
) -> None:
    hour = settled_hour()
    settings.setenv("DUO_RECORD_FORMAT", "verbatim")
    duo.api.log = FixedLog(spread(hour, 3))
    assert dagster.run(hour).success
    assert green(dagster, key_of(hour)) == {
        "schema": True,
        "required_fields": False,
        "event_time_preserved": False,
        "facts_preserved": False,
        "nothing_unknown": True,
    }
    time, facts = (
        said(dagster, UDM, name)[key_of(hour)][1] for name in ("event_time_preserved", "facts_preserved")
    )
    assert "3 of 3 lines: no event time (the parser never reads ts" in time
    assert "set DUO_RECORD_FORMAT=secops" in time
    assert "credits lost: the parser drops a number" in facts
    assert "no host" in facts


def test_in_a_range_each_hour_has_its_own_verdict(
    dagster: DagsterRun, duo: ServedDuo, bucket: Bucket
) -> None:
    first = settled_hour(4)
    hours = [first + HOUR * number for number in range(3)]
    odd = {**sent(hours[1]), "context": "passkey", "carrier": "x"}
    duo.api.log = FixedLog([sent(hours[0]), odd, sent(hours[2])])
    bad = b'{"host": "h", "timestamp": "soon"}\n'
    bucket.put(f"duo-telephony/dt={hours[2]:%Y-%m-%d}/hour={hours[2]:%H}/other.json", body_of(bad, b"{\n"))
    dagster.run(first, hours[-1])
    verdicts = {key_of(hour): green(dagster, key_of(hour)) for hour in hours}
    assert verdicts == {
        key_of(hours[0]): dict.fromkeys(NAMES, True),
        key_of(hours[1]): {**dict.fromkeys(NAMES, True), "nothing_unknown": False},
        key_of(hours[2]): {
            **dict.fromkeys(NAMES, True),
            "required_fields": False,
            "event_time_preserved": False,
            "facts_preserved": False,
        },
    }
    sentence = said(dagster, UDM, "nothing_unknown")[key_of(hours[1])][1]
    assert "unknown value: context 'passkey'" in sentence
    assert "unknown key: 'carrier'" in sentence
    assert "other.json:2" in said(dagster, UDM, "facts_preserved")[key_of(hours[2])][1]


def test_what_nobody_knew_is_a_warning(dagster: DagsterRun, duo: ServedDuo) -> None:
    hour = settled_hour()
    duo.api.log = FixedLog([{**sent(hour), "type": "pager"}])
    result = dagster.run(hour)
    severities = {
        evaluation.check_name: evaluation.severity
        for evaluation in result.get_asset_check_evaluations()
        if not evaluation.passed
    }
    assert severities == {"nothing_unknown": dg.AssetCheckSeverity.WARN}


def test_the_findings_lie_beside_the_events_and_vanish_with_their_cause(
    dagster: DagsterRun, duo: ServedDuo, bucket: Bucket
) -> None:
    hour = settled_hour()
    folder = f"duo-telephony-work/udm/dt={hour:%Y-%m-%d}/hour={hour:%H}/"
    duo.api.log = FixedLog([{**sent(hour), "phone": "5550100"}])
    dagster.run(hour)
    (finding,) = read(bucket, f"{folder}findings.ndjson")
    assert (finding["kind"], finding["severity"], finding["lines"]) == ("no_e164", "warning", 1)
    assert finding["first_places"][0]["line"] == 1
    (figures,) = dagster.events(hour, UDM)
    assert (figures["findings"], figures["violations"]) == (1, 0)
    assert figures["findings_object"] == f"s3://{bucket.name}/{folder}findings.ndjson"
    assert "not an E.164 number" in figures["findings_table"]
    (log_object,) = bucket.keys("duo-telephony/")
    line = json.loads(next(bucket.lines(log_object)))
    bucket.put(log_object, body_of(json.dumps({**line, "phone": "+12125550100"}).encode() + b"\n"))
    dagster.run(hour, only=[dagster.udm])
    assert read(bucket, f"{folder}findings.ndjson") == []


def test_the_metadata_shows_what_arrives_as_a_table_with_bars(
    dagster: DagsterRun, duo: ServedDuo, settings: pytest.MonkeyPatch
) -> None:
    hour = settled_hour()
    settings.setenv("DUO_RECORD_FORMAT", "verbatim")
    duo.api.log = FixedLog(spread(hour, 4))
    dagster.run(hour)
    facts = dagster.events(hour, UDM)[0]["facts"]
    assert f"|`metadata.event_timestamp`|timestamp, ts|4|0|{'░' * 10}\N{NO-BREAK SPACE}0%|" in facts
    assert f"|`security_result[0].summary`|type|4|4|{'█' * 10}\N{NO-BREAK SPACE}100%|" in facts


def test_no_phone_number_of_a_finding_reaches_dagster(dagster: DagsterRun, duo: ServedDuo) -> None:
    hour = settled_hour()
    phone = "+12125550177"
    strange = {
        **sent(hour),
        "phone": phone,
        "context": f"called {phone}",
        "telephony_id": phone,
        phone: 1,
    }
    duo.api.log = FixedLog([strange])
    stored = dagster.everything_stored(dagster.run(hour))
    assert "unknown key" in stored
    assert phone not in stored
    assert phone[1:] not in stored
