"""The sensor that reports incidents to an SNS topic."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import dagster as dg

from duo_pipeline.config.account import ALERTS_SENSOR
from duo_pipeline.defs.alerts import failures
from duo_pipeline.defs.alerts.evaluation import AlertEvaluation, WatchedAccount
from duo_pipeline.defs.alerts.incidents import Memory
from duo_pipeline.defs.alerts.topic import Topic, TopicError

EVERY_SECONDS = 60
PUBLISHES_FOR = timedelta(seconds=15)
"""After this time a tick sends no more messages: Dagster ends a tick after a minute, and SNS may be slow."""


def alerts_sensor(
    accounts: Sequence[WatchedAccount],
    topic: Topic | None,
    ui_url: str,
    now: Callable[[], datetime],
) -> dg.SensorDefinition:
    """Make the sensor.

    Its cursor stores the incidents that were reported. So the next tick sends a message that SNS did not
    take, and no tick sends a message twice.

    Args:
        accounts: The accounts to evaluate.
        topic: Where to publish; without a topic the sensor is off.
        ui_url: The URL of Dagster's UI, for links; may be empty.
        now: The time, in UTC.
    """

    @dg.sensor(
        name=ALERTS_SENSOR,
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING if topic else dg.DefaultSensorStatus.STOPPED,
        description="Sends a message to the SNS topic ALERT_SNS_TOPIC_ARN when hours have failed or are"
        " overdue, or when a check finds them wrong: one message when an incident begins, and one when it is"
        " over.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if topic is None:
            return dg.SkipReason(
                "ALERT_SNS_TOPIC_ARN is not set, so no alerts are sent: set it to the ARN of an SNS topic."
            )
        if not context.cursor:
            memory = Memory(now().timestamp(), failures.latest(context.instance))
            return dg.SensorResult(
                skip_reason="This is the first tick: the sensor reports incidents from now on.",
                cursor=memory.write(),
            )
        memory, began, sent = Memory.read(context.cursor), now(), list[str]()
        evaluation = AlertEvaluation(context.instance, accounts, ui_url, began)
        cursor = context.cursor
        while not sent or now() - began < PUBLISHES_FOR:
            message = evaluation.next_message(memory)
            if message:
                try:
                    topic.publish(message)
                except TopicError as error:
                    if not sent:
                        raise
                    context.log.error(str(error))
                    break
                sent.append(message.subject)
            cursor = memory.write()
            if not message:
                break
        said = f"Sent: {'; '.join(sent)}." if sent else f"Nothing is new. Open incidents: {len(memory.open)}."
        return dg.SensorResult(skip_reason=said, cursor=cursor)

    return sensor
