"""The SNS topic that people or their pagers subscribe to."""

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from duo_pipeline.defs.alerts.messages import Message
from duo_pipeline.landing.credential_errors import prepare_botocore
from duo_pipeline.landing.unanswered import why_unanswered

_SUBJECT = 100
"""The longest subject that SNS accepts, in characters; it must be ASCII."""


class TopicError(Exception):
    """A message could not be published; the text is one sentence for a person, without secrets."""


class Topic:
    """An SNS topic, in the region that its ARN names.

    Args:
        arn: The topic's ARN.
    """

    def __init__(self, arn: str) -> None:
        self._arn = arn

    def publish(self, message: Message) -> None:
        """Send a message to all subscribers.

        Raises:
            TopicError: SNS refused it or could not be reached.
        """
        subject = message.subject.encode("ascii", "replace").decode()
        if len(subject) > _SUBJECT:
            subject = f"{subject[: _SUBJECT - 3]}..."
        try:
            prepare_botocore()
            client = boto3.Session().client("sns", region_name=self._arn.split(":")[3], config=_TIMEOUTS)
            client.publish(TopicArn=self._arn, Subject=subject, Message=message.text)
        except Exception as error:
            again = "The next tick sends the message again."
            if why := why_unanswered(error, "SNS", "publish it"):
                raise TopicError(f"SNS did not get a message for {self._arn}. {why} {again}") from None
            if not isinstance(error, ClientError):
                raise
            raise TopicError(
                f"SNS did not accept a message for {self._arn} ({error.response['Error']['Code']}): check"
                f" ALERT_SNS_TOPIC_ARN, and that the credentials allow sns:Publish on it. {again}"
            ) from None


_TIMEOUTS = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})
"""Dagster ends a tick after a minute."""
