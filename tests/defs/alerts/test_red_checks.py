"""Which messages red checks bring, and how many."""

import json
from datetime import date, timedelta

import dagster as dg
import pytest

from duo_pipeline.defs.alerts.sensor import alerts_sensor
from duo_pipeline.defs.alerts.topic import TopicError
from duo_pipeline.defs.checks.evaluations import AS_USUAL, IN_PLACE, NO_ABUSE, NO_HOUR_LEFT_OUT
from duo_pipeline.defs.days import hours_of
from duo_pipeline.defs.partitions import key_of
from tests.defs.alerts.conftest import Inbox
from tests.defs.alerts.world import HOUR, REASON, UI, World, at, the_one
from tests.defs.alerts.world import instance as instance
from tests.defs.alerts.world import world as world

OLD = at(0, day=2)
"""Long before the look-back."""


def test_hours_left_out_are_told_once_and_once_when_they_are_done(world: World, inbox: Inbox) -> None:
    sentence = "2 hours older than DUO_LOOKBACK_HOURS are missing or in doubt: materialize them."
    for _ in range(3):
        world.evaluate(NO_HOUR_LEFT_OUT, sentence, [OLD, OLD + HOUR])
        world.tick(2)
    told = the_one(inbox)
    assert (
        told.subject == "duo/telephony_ndjson: no_hour_left_out is red: 2026-11-02-00:00...2026-11-02-01:00"
    )
    assert "The check no_hour_left_out of duo/telephony_ndjson is red for these hours" in told.text
    assert f"Why: {sentence}" in told.text
    assert f"{UI}/assets/duo/telephony_ndjson?view=checks&checkDetail=no_hour_left_out\n" in told.text
    world.done(OLD)
    world.tick()
    assert inbox.new() == []
    world.done(OLD + HOUR)
    world.tick(3)
    told = the_one(inbox)
    assert told.subject == "duo/telephony_ndjson has recovered: 2026-11-02-00:00...2026-11-02-01:00"
    assert "All of them are done." in told.text


def test_an_hour_that_failed_is_not_told_again_when_the_look_back_has_left_it_out(
    world: World, inbox: Inbox
) -> None:
    world.failing = {OLD: dg.Failure(REASON, allow_retries=False)}
    world.run(OLD)
    world.tick()
    assert the_one(inbox).subject == "duo/telephony_ndjson has failed: 2026-11-02-00:00"
    world.evaluate(NO_HOUR_LEFT_OUT, "1 hours older than DUO_LOOKBACK_HOURS are missing.", [OLD])
    world.tick(2)
    assert inbox.new() == []


def test_hours_that_duo_no_longer_keeps_are_lost_once_though_the_check_stays_red(
    world: World, inbox: Inbox
) -> None:
    world.evaluate(NO_HOUR_LEFT_OUT, "1 hours older than DUO_LOOKBACK_HOURS are missing.", [OLD])
    world.tick()
    inbox.new()
    world.now += timedelta(days=180)
    world.evaluate(NO_HOUR_LEFT_OUT, "1 hours are lost, since Duo keeps 180 days.", [OLD])
    world.tick(5)
    subjects = [told.subject for told in inbox.new() if "overdue" not in told.subject]
    assert subjects == ["duo/telephony_ndjson has lost hours: 2026-11-02-00:00"]


def test_a_warning_is_told_once_and_is_over_when_the_check_names_its_hours_no_more(
    world: World, inbox: Inbox
) -> None:
    sentence = "2026-11-10-08:00: 0 records came, 40 are usual."
    world.evaluate(AS_USUAL, sentence, [at(8)])
    world.tick(3)
    told = the_one(inbox)
    assert told.subject == "duo/telephony_ndjson: as_usual warns: 2026-11-10-08:00"
    assert f"Why: {sentence}" in told.text
    world.evaluate(AS_USUAL, sentence, [at(8), at(9)])
    world.tick(2)
    world.evaluate(AS_USUAL, sentence, [at(9)])
    world.tick(2)
    assert inbox.new() == []
    world.evaluate(AS_USUAL, "None of the last 24 settled hours is far quieter than usual.")
    world.tick(3)
    told = the_one(inbox)
    assert told.subject == "duo/telephony_ndjson has recovered: 2026-11-10-08:00...2026-11-10-09:00"
    assert "The check as_usual no longer finds anything wrong with them." in told.text


def test_an_old_hour_out_of_place_is_told_once_and_once_when_it_is_green(world: World, inbox: Inbox) -> None:
    world.place(OLD, passed=False)
    world.tick(3)
    told = the_one(inbox)
    assert told.subject == "duo/telephony_udm: in_place is red: 2026-11-02-00:00"
    assert "Why: 2026-11-02-00:00: 1 of 2 lines are duplicates." in told.text
    assert "checkDetail=in_place" in told.text
    world.place(OLD, passed=True)
    world.tick(3)
    told = the_one(inbox)
    assert told.subject == "duo/telephony_udm has recovered: 2026-11-02-00:00"
    assert "The check in_place no longer finds anything wrong" in told.text


def test_hours_out_of_place_that_touch_join_and_others_are_another_incident(
    world: World, inbox: Inbox
) -> None:
    world.place(OLD, passed=False)
    world.tick()
    world.place(OLD + HOUR, passed=False)
    world.tick()
    world.place(at(9), passed=False)
    world.tick(2)
    assert [told.subject[-16:] for told in inbox.new()] == [key_of(OLD), key_of(at(9))]
    world.place(OLD, passed=True)
    world.tick(2)
    assert inbox.new() == []
    world.place(OLD + HOUR, passed=True)
    world.tick(2)
    assert the_one(inbox).subject.endswith("has recovered: 2026-11-02-00:00...2026-11-02-01:00")


def test_a_rerun_under_way_does_not_end_the_incident(world: World, inbox: Inbox) -> None:
    world.place(OLD, passed=False)
    world.tick()
    inbox.new()
    rerun = world.create(OLD, started=True)
    world.plan_to_place(OLD, rerun)
    world.tick(2)
    assert inbox.new() == []
    world.place(OLD, passed=True, run_id=rerun)
    world.tick(2)
    assert " has recovered: " in the_one(inbox).subject


def test_the_red_hour_of_a_run_that_began_before_others_is_told(world: World, inbox: Inbox) -> None:
    slow = world.create(OLD, started=True)
    world.plan_to_place(OLD, slow)
    world.place(at(9), passed=False)
    world.tick()
    assert the_one(inbox).subject.endswith(key_of(at(9)))
    world.place(OLD, passed=False, run_id=slow)
    world.tick()
    assert the_one(inbox).subject.endswith(key_of(OLD))


def test_evaluations_from_before_the_first_tick_are_not_told(world: World, inbox: Inbox) -> None:
    world.cursor = None
    world.now -= HOUR
    world.place(OLD, passed=False)
    world.evaluate(NO_HOUR_LEFT_OUT, "1 hours older than DUO_LOOKBACK_HOURS are missing.", [OLD])
    world.evaluate(AS_USUAL, "0 records came.", [at(8)])
    world.now += HOUR
    world.tick(3)
    assert inbox.new() == []
    world.place(OLD, passed=False)
    world.tick(2)
    assert the_one(inbox).subject == "duo/telephony_udm: in_place is red: 2026-11-02-00:00"


def test_each_account_has_its_own_incidents(world: World, inbox: Inbox) -> None:
    other = World(world.instance, None, account="acme")
    other.done(*(at(hour) for hour in range(10)))
    both = [world.watched, other.watched]
    world.sensor = alerts_sensor(both, world.topic, UI, lambda: world.now)
    for one in (world, other):
        one.place(OLD, passed=False)
        one.evaluate(AS_USUAL, "0 records came.", [at(8)])
    world.tick(3)
    assert sorted(told.subject for told in inbox.new()) == [
        "acme/telephony_ndjson: as_usual warns: 2026-11-10-08:00",
        "acme/telephony_udm: in_place is red: 2026-11-02-00:00",
        "duo/telephony_ndjson: as_usual warns: 2026-11-10-08:00",
        "duo/telephony_udm: in_place is red: 2026-11-02-00:00",
    ]
    other.place(OLD, passed=True)
    world.tick(2)
    assert the_one(inbox).subject == "acme/telephony_udm has recovered: 2026-11-02-00:00"


def test_a_cursor_of_the_version_that_knew_no_checks_is_read(world: World, inbox: Inbox) -> None:
    hours = [["2026-11-09-05:00", "2026-11-09-06:00"]]
    world.cursor = json.dumps(
        {"since": world.now.timestamp(), "failures_until": 0, "open": [["duo/telephony_ndjson", hours]]}
    )
    world.tick()
    assert inbox.new() == []
    world.place(OLD, passed=False)
    world.done(at(5, day=9), at(6, day=9))
    world.tick(2)
    assert [told.subject for told in inbox.new()] == [
        "duo/telephony_ndjson has recovered: 2026-11-09-05:00...2026-11-09-06:00",
        "duo/telephony_udm: in_place is red: 2026-11-02-00:00",
    ]


@pytest.mark.parametrize("check", [NO_HOUR_LEFT_OUT, AS_USUAL, IN_PLACE])
def test_a_red_check_that_sns_did_not_take_is_sent_with_the_next_tick(
    world: World, inbox: Inbox, check: str
) -> None:
    if check == IN_PLACE:
        world.place(OLD, passed=False)
    else:
        world.evaluate(check, "A sentence.", [OLD])
    inbox.go_away()
    for _ in range(2):
        with pytest.raises(TopicError, match="NotFound"):
            world.tick()
    inbox.come_back()
    world.tick(3)
    assert key_of(OLD) in the_one(inbox).subject


def test_abuse_is_one_incident_until_a_day_without_a_finding(world: World, inbox: Inbox) -> None:
    sentence = "repeated_prompts: 9 calls and texts went to +1••••••••23 within 10 minutes."
    world.tick()
    world.evaluate(NO_ABUSE, sentence, hours_of(date(2026, 11, 8)))
    world.tick(2)
    told = the_one(inbox)
    assert told.subject == "duo/telephony_usage: no_abuse warns: 2026-11-08-00:00...2026-11-08-23:00"
    assert sentence in told.text
    world.evaluate(NO_ABUSE, sentence, [*hours_of(date(2026, 11, 8)), *hours_of(date(2026, 11, 9))])
    world.tick(2)
    assert not inbox.new()
    world.evaluate(NO_ABUSE, "Nothing in the 24 hours that have landed looks like abuse.")
    world.tick(2)
    assert the_one(inbox).subject == (
        "duo/telephony_usage has recovered: 2026-11-08-00:00...2026-11-09-23:00"
    )


def test_usage_that_nobody_has_made_is_overdue(world: World, inbox: Inbox) -> None:
    world.now = at(6, day=11)
    world.done(*(at(6, day=11) - HOUR * back for back in range(30)))
    world.tick()
    world.now = at(9, day=12)
    world.done(*(at(9, day=12) - HOUR * back for back in range(30)))
    world.tick()
    told = the_one(inbox)
    assert told.subject == "duo/telephony_usage is overdue: 2026-11-11-00:00...2026-11-11-23:00"
    world.instance.report_runless_asset_event(
        dg.AssetMaterialization(world.usage.key, partition="2026-11-11")
    )
    world.tick()
    assert the_one(inbox).subject.startswith("duo/telephony_usage has recovered")
