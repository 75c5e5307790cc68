"""What the checks say of each hour."""

import json
from datetime import timedelta

import dagster as dg
import pytest

from duo_pipeline.config import settings
from duo_pipeline.defs.checks import evaluations as checks
from duo_pipeline.defs.partitions import key_of
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.sandbox.knobs import Knobs
from duo_pipeline.sandbox.log import FixedLog
from tests.conftest import ServedDuo
from tests.defs.assets.dagster_run import NDJSON, UDM, DagsterRun
from tests.landing.test_bucket import body_of
from tests.records import sent, settled_hour, spread

HOUR = timedelta(hours=1)


def said(dagster: DagsterRun, asset: dg.AssetKey, name: str) -> dict[str | None, tuple[bool, str]]:
    """Return the check's latest verdict for each hour, and for the range (None)."""
    history = dagster.instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(asset, name), limit=100
    )
    found: dict[str | None, tuple[bool, str]] = {}
    for record in history:
        event = record.event.dagster_event if record.event else None
        if event is None or not isinstance(event.event_specific_data, dg.AssetCheckEvaluation):
            continue
        evaluation = event.event_specific_data
        found.setdefault(evaluation.partition, (evaluation.passed, evaluation.description or ""))
    return found


def test_an_hour_that_came_whole_is_green_with_the_count(dagster: DagsterRun, duo: ServedDuo) -> None:
    hour = settled_hour()
    duo.api.log = FixedLog(spread(hour, 3))
    dagster.run(hour)
    ((key, (passed, sentence)),) = said(dagster, NDJSON, checks.COMPLETE).items()
    assert (key, passed) == (key_of(hour), True)
    assert "3 records came in the query for" in sentence


def test_an_hour_with_fewer_records_than_duo_counts_is_red_until_all_come(
    dagster: DagsterRun, duo: ServedDuo
) -> None:
    hour = settled_hour()
    duo.api.log = FixedLog(spread(hour, 3))
    duo.api.knobs = Knobs(total_difference=2)
    dagster.run(hour)
    passed, sentence = said(dagster, NDJSON, checks.COMPLETE)[key_of(hour)]
    assert not passed
    assert "Duo showed only 3 of the 5 records it counted" in sentence
    duo.api.knobs = Knobs()
    dagster.run(hour)
    assert said(dagster, NDJSON, checks.COMPLETE)[key_of(hour)][0]


def test_in_a_range_each_hour_has_its_own_verdict(
    dagster: DagsterRun, duo: ServedDuo, bucket: Bucket
) -> None:
    first = settled_hour(4)
    hours = [first + HOUR * number for number in range(3)]
    records = spread(first, 9, hours=3)
    duo.api.log = FixedLog(records)
    doubled, astray = (
        body_of(json.dumps(records[0]).encode() + b"\n"),
        body_of(b'{"ts": "2020-01-01T00:00:00Z"}\n'),
    )
    bucket.put(f"duo-telephony/dt={hours[1]:%Y-%m-%d}/hour={hours[1]:%H}/other.json", astray)
    dagster.run(first, hours[-1])
    bucket.put(f"duo-telephony/dt={hours[0]:%Y-%m-%d}/hour={hours[0]:%H}/other.json", doubled)
    dagster.run(first, hours[-1], only=[dagster.udm])
    verdicts = said(dagster, UDM, checks.IN_PLACE)
    assert [verdicts[key_of(hour)][0] for hour in hours] == [False, False, True]
    assert "1 of 4 lines are duplicates" in verdicts[key_of(hours[0])][1]
    assert "1 of 4 lines belong to another hour or have no time (first: " in verdicts[key_of(hours[1])][1]
    assert "other.json:1" in verdicts[key_of(hours[1])][1]
    assert verdicts[None][0] is False
    assert all(passed for passed, _ in said(dagster, NDJSON, checks.COMPLETE).values())


def test_of_very_many_hours_only_what_is_red_or_turns_green_is_written(
    dagster: DagsterRun, duo: ServedDuo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "EACH_HOUR", 2)
    first = settled_hour(5)
    hours = [first + HOUR * number for number in range(3)]
    duo.api.log = FixedLog([sent(first)])
    dagster.run(first, hours[-1])
    assert set(said(dagster, NDJSON, checks.COMPLETE)) == {None}
    duo.api.knobs = Knobs(total_difference=1)
    dagster.run(first, hours[-1])
    red = said(dagster, NDJSON, checks.COMPLETE)
    assert {key for key, (passed, _) in red.items() if not passed} == {key_of(hour) for hour in hours}
    duo.api.knobs = Knobs()
    dagster.run(first, hours[-1])
    assert all(passed for passed, _ in said(dagster, NDJSON, checks.COMPLETE).values())


def test_each_hour_of_the_default_look_back_has_its_evaluation_and_a_longer_run_has_not() -> None:
    assert settings.hours({}).lookback_hours == checks.EACH_HOUR


def test_without_a_count_of_duos_an_hour_passes_and_says_so(dagster: DagsterRun, duo: ServedDuo) -> None:
    hour = settled_hour()
    duo.api.log = FixedLog(spread(hour, 3))
    duo.api.knobs = Knobs(total="absent")
    dagster.run(hour)
    passed, sentence = said(dagster, NDJSON, checks.COMPLETE)[key_of(hour)]
    assert passed
    assert "Duo gives no count" in sentence
