"""An SNS topic that is emulated, with a queue that has subscribed to it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import boto3
import pytest
from moto import mock_aws

REGION = "eu-central-1"


class Received(NamedTuple):
    subject: str
    text: str


@dataclass
class Inbox:
    """The messages that subscribers have received."""

    arn: str
    queue_url: str
    sns: Any
    sqs: Any

    def new(self) -> list[Received]:
        """Return the messages that have come since the last call."""
        found = []
        while messages := self.sqs.receive_message(QueueUrl=self.queue_url).get("Messages"):
            for message in messages:
                body = json.loads(message["Body"])
                found.append(Received(body["Subject"], body["Message"]))
                self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def go_away(self) -> None:
        """Make SNS refuse every message from now on."""
        self.sns.delete_topic(TopicArn=self.arn)

    def come_back(self) -> None:
        arn = self.sns.create_topic(Name=self.arn.rpartition(":")[2])["TopicArn"]
        assert arn == self.arn
        queue = self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=["QueueArn"])
        self.sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue["Attributes"]["QueueArn"])


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with mock_aws():
        sns: Any = boto3.Session().client("sns", region_name=REGION)
        sqs: Any = boto3.session.Session().client("sqs", region_name=REGION)
        queue_url = sqs.create_queue(QueueName="people")["QueueUrl"]
        inbox = Inbox(f"arn:aws:sns:{REGION}:123456789012:duo", queue_url, sns, sqs)
        inbox.come_back()
        yield inbox
