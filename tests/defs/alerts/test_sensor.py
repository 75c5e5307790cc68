"""Which messages failed and overdue hours bring, and how many."""

from datetime import timedelta

import dagster as dg
import pytest

from duo_pipeline.defs.alerts import failures
from duo_pipeline.defs.alerts.incidents import Memory
from duo_pipeline.defs.alerts.messages import Message
from duo_pipeline.defs.alerts.sensor import alerts_sensor
from duo_pipeline.defs.alerts.topic import Topic, TopicError
from tests.defs.alerts.conftest import Inbox
from tests.defs.alerts.world import HOUR, NOW, REASON, START, UI, World, a_good_world, at, the_one
from tests.defs.alerts.world import instance as instance
from tests.defs.alerts.world import world as world


def test_a_failed_run_is_told_once_with_hours_reason_cure_and_link(world: World, inbox: Inbox) -> None:
    world.failing = {at(8): dg.Failure(REASON, allow_retries=False)}
    run_id = world.run(at(7), at(9))
    world.tick(20)
    told = the_one(inbox)
    assert told.subject == "duo/telephony_ndjson has failed: 2026-11-10-08:00...2026-11-10-09:00"
    assert "2026-11-10-08:00...2026-11-10-09:00" in told.text
    assert f"Why: {REASON}" in told.text
    assert "What to do: " in told.text
    assert f"{UI}/runs/{run_id}\n" in told.text


def test_it_is_told_once_that_it_is_over(world: World, inbox: Inbox) -> None:
    world.failing = {at(9): dg.Failure(REASON, allow_retries=False)}
    world.run(at(9))
    world.tick(3)
    inbox.new()
    world.failing = {}
    world.run(at(9))
    world.tick(20)
    told = the_one(inbox)
    assert told.subject == "duo/telephony_ndjson has recovered: 2026-11-10-09:00"
    assert "All of them are done." in told.text
    assert f"{UI}/assets/duo/telephony_ndjson?view=partitions" in told.text


def test_it_is_the_same_where_dagster_keeps_its_runs_in_files(inbox: Inbox) -> None:
    with dg.instance_for_test() as instance:
        world = a_good_world(instance, inbox)
        for failing in (True, False):
            world.failing = {at(9): dg.Failure(REASON, allow_retries=False)} if failing else {}
            world.run(at(9))
            world.tick(2)
    assert [told.subject.split()[2] for told in inbox.new()] == ["failed:", "recovered:"]


def test_an_outage_of_many_hours_is_one_incident(world: World, inbox: Inbox) -> None:
    world.failing = {at(hour): dg.Failure(REASON, allow_retries=False) for hour in (9, 10, 11)}
    for hour in (10, 11, 12):
        world.now = at(hour) + timedelta(minutes=6)
        world.run(at(9), at(hour - 1))
        world.tick(5)
    assert the_one(inbox).subject.endswith("has failed: 2026-11-10-09:00")
    world.failing = {}
    world.run(at(9), at(10))
    world.tick(3)
    assert inbox.new() == []
    world.run(at(11))
    world.tick(3)
    assert the_one(inbox).subject == "duo/telephony_ndjson has recovered: 2026-11-10-09:00...2026-11-10-11:00"


def test_other_hours_are_another_incident(world: World, inbox: Inbox) -> None:
    world.failing = {at(hour): dg.Failure(REASON, allow_retries=False) for hour in (3, 9)}
    world.run(at(9))
    world.tick(2)
    world.run(at(3))
    world.tick(2)
    assert [told.subject[-5:] for told in inbox.new()] == ["09:00", "03:00"]
    del world.failing[at(3)]
    world.run(at(3))
    world.tick(2)
    assert the_one(inbox).subject == "duo/telephony_ndjson has recovered: 2026-11-10-03:00"


def test_an_hour_that_follows_upon_one_that_is_done_is_another_incident(world: World, inbox: Inbox) -> None:
    world.failing = {at(hour): dg.Failure(REASON, allow_retries=False) for hour in (7, 9)}
    world.run(at(7), at(8))
    world.tick(2)
    world.done(at(8))
    world.run(at(9))
    world.tick(2)
    assert [told.subject[-5:] for told in inbox.new()] == ["08:00", "09:00"]


def test_an_hour_that_fails_again_after_it_was_over_is_told_again(world: World, inbox: Inbox) -> None:
    for failing in (True, False, True):
        world.failing = {at(9): dg.Failure(REASON, allow_retries=False)} if failing else {}
        world.run(at(9))
        world.tick(2)
    assert [told.subject.split()[2] for told in inbox.new()] == ["failed:", "recovered:", "failed:"]


def test_a_failure_that_the_next_run_has_fixed_before_the_sensor_looked_sends_no_message(
    world: World, inbox: Inbox
) -> None:
    world.failing = {at(9): dg.Failure(REASON, allow_retries=False)}
    world.run(at(9))
    world.failing = {}
    world.run(at(9))
    world.tick(3)
    assert inbox.new() == []


def test_each_failure_is_looked_at_once(world: World) -> None:
    for _ in range(2):
        world.failing = {at(9): dg.Failure(REASON, allow_retries=False)}
        world.run(at(9))
    world.tick(2)
    assert world.cursor is not None
    last = Memory.read(world.cursor).failures_until
    assert last == failures.latest(world.instance) > 0


def test_when_only_the_events_fail_it_is_their_incident(world: World, inbox: Inbox) -> None:
    world.events_failing = True
    world.run(at(9))
    world.tick(2)
    told = the_one(inbox)
    assert told.subject == "duo/telephony_udm has failed: 2026-11-10-09:00"
    assert "AccessDenied" in told.text
    world.events_failing = False
    world.run(at(9))
    world.tick(2)
    assert the_one(inbox).subject.startswith("duo/telephony_udm has recovered")


def test_the_text_of_an_unforeseen_error_is_not_told(world: World, inbox: Inbox) -> None:
    world.failing = {at(9): KeyError("+13125550123")}
    world.run(at(9))
    world.tick()
    told = the_one(inbox)
    assert "+1312" not in told.text
    assert "Unexpected error in duo-pipeline (KeyError): look at the run's log" in told.text


def test_a_run_whose_process_is_gone_is_told_unless_dagster_retries_it(world: World, inbox: Inbox) -> None:
    gone = world.create(at(9), started=True)
    world.instance.add_run_tags(gone, {"dagster/will_retry": "true"})
    run = world.instance.get_run_by_id(gone)
    assert run is not None
    world.instance.report_run_failed(run, "The run has written nothing for an hour: its process is gone.")
    world.tick(2)
    assert inbox.new() == []
    last = world.create(at(9), started=True)
    run = world.instance.get_run_by_id(last)
    assert run is not None
    world.instance.report_run_failed(run, "The run has written nothing for an hour: its process is gone.")
    world.tick(2)
    told = the_one(inbox)
    assert told.subject == "duo/telephony_ndjson has failed: 2026-11-10-09:00"
    assert "its process is gone" in told.text
    assert last in told.text


def test_hours_that_nobody_reads_are_overdue(world: World, inbox: Inbox) -> None:
    world.now = at(13) + timedelta(minutes=34)
    world.tick(5)
    assert the_one(inbox).subject == "duo/telephony_ndjson is overdue: 2026-11-10-10:00"
    world.now += timedelta(minutes=1)
    world.tick(5)
    assert inbox.new() == []
    world.done(at(10), at(11), at(12))
    world.tick(5)
    told = the_one(inbox)
    assert told.subject == "duo/telephony_ndjson has recovered: 2026-11-10-10:00...2026-11-10-11:00"


def test_any_hour_of_the_look_back_can_be_overdue_and_the_message_says_why(
    instance: dg.DagsterInstance, inbox: Inbox
) -> None:
    world = World(instance, Topic(inbox.arn), now=NOW - 2 * HOUR)
    world.tick()
    world.now = NOW + timedelta(minutes=30)
    world.done(at(5), at(7))
    world.create(at(6), started=False)
    world.tick(5)
    told = the_one(inbox)
    assert "2026-11-10-03:00...2026-11-10-04:00, 2026-11-10-06:00, 2026-11-10-08:00." in told.text
    assert "no run is under way (3 of 4 hours)" in told.text
    assert "the run is waiting (1 of 4 hours)" in told.text
    assert "hourly schedule is on" in told.text


def test_hours_of_a_run_that_is_being_executed_are_not_overdue(
    instance: dg.DagsterInstance, inbox: Inbox
) -> None:
    world = World(instance, Topic(inbox.arn), now=NOW - 2 * HOUR)
    world.tick()
    world.now = NOW + timedelta(minutes=30)
    world.done(*(at(hour) for hour in (3, 4, 5, 6, 7)))
    world.create(at(8), started=True)
    world.tick(5)
    assert inbox.new() == []


def test_on_the_first_day_nothing_is_overdue_before_the_schedule_had_its_chance(
    instance: dg.DagsterInstance, inbox: Inbox
) -> None:
    world = World(instance, Topic(inbox.arn))
    world.tick(5)
    world.now += timedelta(minutes=89)
    world.tick(5)
    assert inbox.new() == []
    world.now += timedelta(minutes=1)
    world.tick(5)
    assert "overdue" in the_one(inbox).subject


def test_failures_from_before_the_first_tick_are_not_told(instance: dg.DagsterInstance, inbox: Inbox) -> None:
    world = World(instance, Topic(inbox.arn))
    world.failing = {at(9): dg.Failure(REASON, allow_retries=False)}
    world.run(at(9))
    world.tick(5)
    assert inbox.new() == []


def test_a_message_that_sns_did_not_take_fails_the_tick_and_is_sent_with_the_next(
    world: World, inbox: Inbox
) -> None:
    world.failing = {at(hour): dg.Failure(REASON, allow_retries=False) for hour in (3, 9)}
    world.run(at(3))
    world.tick()
    assert the_one(inbox).subject.endswith("03:00")
    world.run(at(9))
    inbox.go_away()
    for _ in range(3):
        with pytest.raises(TopicError, match="NotFound"):
            world.tick()
    inbox.come_back()
    world.tick(5)
    assert the_one(inbox).subject.endswith("09:00")


def test_all_that_is_new_is_told_with_one_tick(world: World, inbox: Inbox) -> None:
    world.failing = {at(hour): dg.Failure(REASON, allow_retries=False) for hour in (3, 6, 9)}
    for hour in (3, 6, 9):
        world.run(at(hour))
    world.tick()
    assert [told.subject[-5:] for told in inbox.new()] == ["03:00", "06:00", "09:00"]
    world.tick(3)
    assert inbox.new() == []


def test_what_sns_took_before_it_fell_silent_is_not_told_again(world: World, inbox: Inbox) -> None:
    world.failing = {at(hour): dg.Failure(REASON, allow_retries=False) for hour in (3, 9)}
    for hour in (3, 9):
        world.run(at(hour))
    told = list[str]()

    class TakesOne(Topic):
        def publish(self, message: Message) -> None:
            if told:
                raise TopicError("SNS did not accept a message.")
            told.append(message.subject)
            super().publish(message)

    world.sensor = alerts_sensor([world.watched], TakesOne(inbox.arn), UI, lambda: NOW)
    world.tick()
    world.sensor = alerts_sensor([world.watched], world.topic, UI, lambda: NOW)
    world.tick(3)
    assert [one.subject[-5:] for one in inbox.new()] == ["03:00", "09:00"]


def test_a_tick_that_takes_long_leaves_the_rest_to_the_next(world: World, inbox: Inbox) -> None:
    world.failing = {at(hour): dg.Failure(REASON, allow_retries=False) for hour in (3, 9)}
    for hour in (3, 9):
        world.run(at(hour))
    seconds = iter(range(0, 1000, 20))
    world.sensor = alerts_sensor(
        [world.watched], world.topic, UI, lambda: NOW + timedelta(seconds=next(seconds))
    )
    world.tick()
    assert the_one(inbox).subject.endswith("03:00")
    world.tick()
    assert the_one(inbox).subject.endswith("09:00")


def test_each_account_is_looked_after_and_one_that_is_gone_is_forgotten(world: World, inbox: Inbox) -> None:
    other = World(world.instance, None, account="acme")
    both = [world.watched, other.watched]
    world.sensor = alerts_sensor(both, world.topic, UI, lambda: world.now)
    for hour in range(9):
        other.done(at(hour))
    other.failing = {at(9): dg.Failure(REASON, allow_retries=False)}
    other.run(at(9))
    world.tick(3)
    assert the_one(inbox).subject == "acme/telephony_ndjson has failed: 2026-11-10-09:00"
    world.sensor = alerts_sensor(both[:1], world.topic, UI, lambda: world.now)
    world.failing = {at(8): dg.Failure(REASON, allow_retries=False)}
    world.run(at(8))
    world.tick(3)
    assert the_one(inbox).subject == "duo/telephony_ndjson has failed: 2026-11-10-08:00"


def test_the_end_of_an_incident_is_not_lost_either(world: World, inbox: Inbox) -> None:
    world.failing = {at(9): dg.Failure(REASON, allow_retries=False)}
    world.run(at(9))
    world.tick()
    inbox.new()
    world.done(at(9))
    inbox.go_away()
    with pytest.raises(TopicError):
        world.tick()
    inbox.come_back()
    world.tick(5)
    assert the_one(inbox).subject == "duo/telephony_ndjson has recovered: 2026-11-10-09:00"


def test_hours_that_duo_no_longer_keeps_end_their_incident_as_lost(world: World, inbox: Inbox) -> None:
    world.failing = {at(hour): dg.Failure(REASON, allow_retries=False) for hour in (8, 9)}
    world.run(at(8), at(9))
    world.tick()
    inbox.new()
    world.done(at(9))
    world.now += timedelta(days=180)
    world.tick()
    told, *_overdue = inbox.new()
    assert told.subject == "duo/telephony_ndjson has lost hours: 2026-11-10-08:00"
    assert "were not read in time and are lost: 2026-11-10-08:00." in told.text


def test_without_a_topic_it_is_off(instance: dg.DagsterInstance) -> None:
    world = World(instance, None)
    assert world.sensor.default_status == dg.DefaultSensorStatus.STOPPED
    world.failing = {at(9): dg.Failure(REASON, allow_retries=False)}
    world.run(at(9))
    assert "ALERT_SNS_TOPIC_ARN is not set, so no alerts are sent" in world.tick()
    assert world.cursor is None
    assert World(instance, Topic("arn")).sensor.default_status == dg.DefaultSensorStatus.RUNNING


def test_without_the_address_of_the_ui_the_run_is_named(world: World, inbox: Inbox) -> None:
    world.sensor = alerts_sensor([world.watched], world.topic, "", lambda: world.now)
    world.failing = {at(9): dg.Failure(REASON, allow_retries=False)}
    run_id = world.run(at(9))
    world.tick()
    assert f"The run: {run_id}\n" in the_one(inbox).text


def test_very_many_failed_hours_are_a_short_cursor_and_a_short_subject(world: World, inbox: Inbox) -> None:
    world.failing = {START: dg.Failure(REASON, allow_retries=False)}
    world.run(START, at(9))
    for hour in range(1, 9, 2):
        world.done(at(hour), at(hour, day=9))
    world.tick()
    told = the_one(inbox)
    assert len(told.subject) <= 100
    assert "and 4 more ranges" in told.text
    assert world.cursor is not None
    assert len(world.cursor) < 1000
