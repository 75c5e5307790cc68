"""Publishing, and the whole way from a refusing Duo to people."""

import json
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from duo_pipeline.config.account import DEFAULT_ACCOUNT
from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs.alerts.evaluation import WatchedAccount
from duo_pipeline.defs.alerts.messages import Message
from duo_pipeline.defs.alerts.sensor import alerts_sensor
from duo_pipeline.defs.alerts.topic import Topic, TopicError
from duo_pipeline.defs.assets import materializations
from duo_pipeline.defs.assets.reconciliation import reconciliation
from duo_pipeline.defs.days import daily
from duo_pipeline.defs.partitions import key_of, span
from duo_pipeline.defs.resources import resources_of
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.sandbox.knobs import Knobs
from duo_pipeline.sandbox.log import FixedLog
from duo_pipeline.sandbox.s3 import S3Server
from tests.conftest import ServedDuo
from tests.defs.alerts.conftest import Inbox
from tests.defs.assets.dagster_run import DagsterRun
from tests.defs.conftest import dagster as dagster
from tests.records import SKEY, settled_hour, spread


def test_a_message_comes_to_those_who_have_subscribed(inbox: Inbox) -> None:
    Topic(inbox.arn).publish(Message("A subject", "A text, whole: ä.\n"))
    assert inbox.new() == [("A subject", "A text, whole: ä.\n")]


def test_a_subject_that_sns_would_refuse_is_made_to_fit(inbox: Inbox) -> None:
    Topic(inbox.arn).publish(Message("é" * 200, "A text"))
    assert inbox.new() == [("?" * 97 + "...", "A text")]


def test_a_topic_that_is_not_there_is_a_sentence(inbox: Inbox) -> None:
    inbox.go_away()
    with pytest.raises(
        TopicError, match=r"SNS did not accept a message .* \(NotFound\): check ALERT_SNS_TOPIC_ARN"
    ):
        Topic(inbox.arn).publish(Message("A subject", "A text"))


def test_a_server_that_is_not_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    with pytest.raises(TopicError, match="SNS cannot be reached to publish it: check the network") as caught:
        Topic("arn:aws:sns:eu-central-1:123456789012:duo").publish(Message("A subject", "A text"))
    assert "a-secret" not in str(caught.value)


class Alarmed:
    """The pipeline over an emulated Duo and a real S3 server, and the sensor."""

    def __init__(self, dagster: DagsterRun, inbox: Inbox) -> None:
        self.hours = HourSettings(
            dagster.start, settle_minutes=5, lookback_hours=168, reconcile_hours=48, reconcile_weekly_hours=0
        )

        @dg.asset(key=["duo", "telephony_usage"], partitions_def=daily(dagster.start))
        def usage() -> None: ...

        watched = WatchedAccount(dagster.ndjson, dagster.udm, usage, self.hours)
        self.instance = dagster.instance
        self.sensor = alerts_sensor([watched], Topic(inbox.arn), "", lambda: datetime.now(UTC))
        self.cursor: str | None = None
        self.tick()

    def tick(self) -> None:
        with dg.build_sensor_context(self.instance, cursor=self.cursor) as context:
            self.cursor = self.sensor.evaluate_tick(context).cursor


@pytest.fixture
def alarmed(inbox: Inbox, dagster: DagsterRun, settings: pytest.MonkeyPatch, s3_server: S3Server) -> Alarmed:
    settings.delenv("AWS_ENDPOINT_URL")  # which would lead to the S3 server for SNS, too
    settings.setenv("AWS_ENDPOINT_URL_S3", s3_server.url)
    return Alarmed(dagster, inbox)


def test_when_duo_refuses_people_are_told_why_and_no_secret(
    alarmed: Alarmed, inbox: Inbox, dagster: DagsterRun, settings: pytest.MonkeyPatch
) -> None:
    hour = settled_hour()
    settings.setenv("DUO_SKEY", SKEY.replace("test", "best"))
    assert not dagster.run(hour).success
    alarmed.tick()
    (told,) = inbox.new()
    assert key_of(hour) in told.subject
    assert "check DUO_SKEY" in told.text
    assert "best-skey" not in json.dumps(told)


def test_hours_that_were_recorded_before_duo_came_short_of_its_count_are_an_incident(
    alarmed: Alarmed, inbox: Inbox, dagster: DagsterRun, duo: ServedDuo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(materializations, "WRITE_AFTER_SECONDS", 0)
    first, last = settled_hour(3), settled_hour(2)
    duo.api.log = FixedLog(spread(first, 4, hours=2))
    duo.api.knobs = Knobs(total_difference=1)
    assert not dagster.run(first, last).success
    assert dagster.done() == {key_of(first), key_of(last)}
    alarmed.tick()
    (told,) = inbox.new()
    assert told.subject == f"duo/telephony_ndjson has failed: {span([first, last])}"
    assert "records it counted" in told.text
    alarmed.tick()
    duo.api.knobs = Knobs()
    assert dagster.run(first, last).success
    alarmed.tick()
    (told,) = inbox.new()
    assert told.subject == f"duo/telephony_ndjson has recovered: {span([first, last])}"


def test_hours_that_a_reconciliation_finds_in_doubt_are_told_with_its_sentence(
    alarmed: Alarmed, inbox: Inbox, dagster: DagsterRun, duo: ServedDuo
) -> None:
    first, last = settled_hour(3), settled_hour(1)
    duo.api.log = FixedLog(spread(first, 6, hours=3))
    assert dagster.run(first, last).success
    duo.api.knobs = Knobs(total_difference=1)
    night = last + timedelta(hours=1, minutes=10)
    job = reconciliation(DEFAULT_ACCOUNT, dagster.ndjson.key, alarmed.hours, lambda: night)
    run = job.execute_in_process(
        instance=dagster.instance,
        resources=resources_of(DEFAULT_ACCOUNT),
        run_config={"ops": {DEFAULT_ACCOUNT.reconcile_op: {"config": {"hours": 3}}}},
        raise_on_error=False,
    )
    assert not run.success
    alarmed.tick()
    (told,) = inbox.new()
    assert told.subject == f"duo/telephony_ndjson has failed: {span([first, last])}"
    assert "records it counted" in told.text
    assert run.run_id in told.text
    alarmed.tick()
    assert inbox.new() == []
    duo.api.knobs = Knobs()
    assert dagster.run(first, last).success
    alarmed.tick()
    (told,) = inbox.new()
    assert told.subject == f"duo/telephony_ndjson has recovered: {span([first, last])}"


def test_lines_that_stand_twice_are_told_without_their_phone_numbers(
    alarmed: Alarmed, inbox: Inbox, dagster: DagsterRun, duo: ServedDuo, bucket: Bucket
) -> None:
    hour = settled_hour()
    records = spread(hour, 2, hours=1)
    duo.api.log = FixedLog(records)
    dagster.run(hour)
    with Body() as body:
        body.write_all([json.dumps(record).encode() + b"\n" for record in records])
        bucket.put(f"duo-telephony/dt={hour:%Y-%m-%d}/hour={hour:%H}/other.json", body)
    dagster.run(hour, only=[dagster.udm])
    alarmed.tick()
    (told,) = inbox.new()
    assert told.subject == f"duo/telephony_udm: in_place is red: {key_of(hour)}"
    assert "lines are duplicates" in told.text
    assert records[0]["phone"][-7:] not in json.dumps(told)
