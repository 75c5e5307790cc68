"""The messages about receipts: one when hours turn red, one when they are green again."""

import uuid

import dagster as dg
import pytest

from duo_pipeline.defs.alerts.sensor import alerts_sensor
from duo_pipeline.defs.checks.evaluations import RECEIVED
from duo_pipeline.defs.partitions import hourly, key_of
from tests.defs.alerts.conftest import Inbox
from tests.defs.alerts.world import HOUR, START, UI, World, at, the_one
from tests.defs.alerts.world import instance as instance
from tests.defs.alerts.world import world as world

EVENTS = dg.AssetKey(["duo", "secops_events"])
SENTENCE = "SecOps has 0 of 10 events: 10 are missing. The feed F is disabled: enable it in SecOps."


@pytest.fixture
def receipts(world: World) -> World:
    @dg.asset(key=EVENTS, partitions_def=hourly(START))
    def events() -> None: ...

    watched = world.watched._replace(receipts=events)
    world.sensor = alerts_sensor([watched], world.topic, UI, lambda: world.now)
    world.tick()
    return world


def judge(world: World, hour: int, *, passed: bool) -> None:
    evaluation = dg.AssetCheckEvaluation(
        asset_key=EVENTS,
        check_name=RECEIVED,
        passed=passed,
        partition=key_of(at(hour)),
        description="SecOps has 10 of 10 events, each once." if passed else SENTENCE,
    )
    world._store(dg.DagsterEventType.ASSET_CHECK_EVALUATION, evaluation, str(uuid.uuid4()))


def test_a_feed_that_stops_is_one_incident_and_one_message_says_that_it_is_over(
    receipts: World, inbox: Inbox
) -> None:
    judge(receipts, 2, passed=True)
    judge(receipts, 3, passed=False)
    receipts.tick(3)
    told = the_one(inbox)
    assert told.subject == "duo/secops_events: received is red: 2026-11-10-03:00"
    assert f"Why: 2026-11-10-03:00: {SENTENCE}" in told.text
    judge(receipts, 4, passed=False)
    judge(receipts, 3, passed=False)
    receipts.tick(2)
    assert inbox.new() == []
    judge(receipts, 3, passed=True)
    receipts.tick(2)
    assert inbox.new() == []
    judge(receipts, 4, passed=True)
    receipts.tick(3)
    told = the_one(inbox)
    assert told.subject == "duo/secops_events has recovered: 2026-11-10-03:00...2026-11-10-04:00"
    assert "The check received no longer finds anything wrong with them." in told.text
    assert at(4) - at(3) == HOUR
