"""Publishing, and the whole way from a refusing Duo to people."""

import json

import dagster as dg
import pytest

from duo_pipeline.alerts.messages import Message
from duo_pipeline.alerts.sensor import telephony_alerts
from duo_pipeline.alerts.topic import Topic, TopicError
from duo_pipeline.partitions import key_of
from duo_pipeline.settings import HourSettings
from tests.alerts.conftest import Inbox
from tests.assets.conftest import dagster as dagster
from tests.assets.dagster_run import DagsterRun
from tests.records import SKEY, settled_hour


def test_a_message_comes_to_those_who_have_subscribed(inbox: Inbox) -> None:
    Topic(inbox.arn).publish(Message("A subject", "A text, whole: ä.\n"))
    assert inbox.new() == [("A subject", "A text, whole: ä.\n")]


def test_a_subject_that_sns_would_refuse_is_made_to_fit(inbox: Inbox) -> None:
    Topic(inbox.arn).publish(Message("é" * 200, "A text"))
    assert inbox.new() == [("?" * 97 + "...", "A text")]


def test_a_topic_that_is_not_there_is_a_sentence(inbox: Inbox) -> None:
    inbox.go_away()
    with pytest.raises(
        TopicError, match=r"SNS did not take a message .* \(NotFound\): check ALERT_SNS_TOPIC_ARN"
    ):
        Topic(inbox.arn).publish(Message("A subject", "A text"))


def test_a_server_that_is_not_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    with pytest.raises(TopicError, match="EndpointConnectionError") as caught:
        Topic("arn:aws:sns:eu-central-1:123456789012:duo").publish(Message("A subject", "A text"))
    assert "a-secret" not in str(caught.value)


def test_when_duo_refuses_people_are_told_why_and_no_secret(
    inbox: Inbox, dagster: DagsterRun, settings: pytest.MonkeyPatch
) -> None:
    settings.delenv("AWS_ENDPOINT_URL")  # which would lead to the S3 server for SNS, too
    hours = HourSettings(dagster.start, settle_minutes=5, lookback_hours=168, reconcile_hours=48)
    hour = settled_hour()
    sensor = telephony_alerts([dagster.ndjson, dagster.udm], hours, Topic(inbox.arn), "", lambda: hour)
    settings.setenv("DUO_SKEY", SKEY.replace("test", "best"))
    cursor = None
    for run in (False, True):
        if run:
            assert not dagster.run(hour).success
        with dg.build_sensor_context(dagster.instance, cursor=cursor) as context:
            cursor = sensor.evaluate_tick(context).cursor
    (told,) = inbox.new()
    assert key_of(hour) in told.subject
    assert "check DUO_SKEY" in told.text
    assert "best-skey" not in json.dumps(told)
