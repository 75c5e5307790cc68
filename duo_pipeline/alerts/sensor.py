"""The sensor that tells people of hours in trouble."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import dagster as dg

from duo_pipeline.alerts import failures
from duo_pipeline.alerts.lookout import Lookout, Watched
from duo_pipeline.alerts.topic import Topic, TopicError
from duo_pipeline.alerts.troubles import Memory

EVERY_SECONDS = 60
PUBLISHES_FOR = timedelta(seconds=15)
"""So long a tick begins with another message: Dagster ends one after a minute, and SNS may be slow."""


def telephony_alerts(
    accounts: Sequence[Watched],
    topic: Topic | None,
    ui_url: str,
    now: Callable[[], datetime],
) -> dg.SensorDefinition:
    """Make the sensor.

    It remembers in its cursor what it has published: so a message that SNS did not take is sent with the next
    tick, and none that it took is sent again.

    Args:
        accounts: What to look after.
        topic: Where to publish; without one the sensor is off.
        ui_url: Where Dagster's UI is, for links; may be empty.
        now: The time, in UTC.
    """

    @dg.sensor(
        name="telephony_alerts",
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING if topic else dg.DefaultSensorStatus.STOPPED,
        description="Tells the SNS topic ALERT_SNS_TOPIC_ARN of hours that have failed or are overdue, once"
        " of each trouble, and once that it is over.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if topic is None:
            return dg.SkipReason("ALERT_SNS_TOPIC_ARN is not set: nobody is told of anything.")
        if not context.cursor:
            memory = Memory(now().timestamp(), failures.latest(context.instance))
            return dg.SensorResult(skip_reason="From now on troubles are told.", cursor=memory.write())
        memory, began, told = Memory.read(context.cursor), now(), list[str]()
        lookout = Lookout(context.instance, accounts, ui_url, began)
        cursor = context.cursor
        while not told or now() - began < PUBLISHES_FOR:
            message = lookout.over(memory) or lookout.failed(memory) or lookout.overdue(memory)
            if message:
                try:
                    topic.publish(message)
                except TopicError as error:
                    if not told:
                        raise
                    context.log.error(str(error))
                    break
                told.append(message.subject)
            cursor = memory.write()
            if not message:
                break
        said = f"Told: {'; '.join(told)}." if told else f"{len(memory.open)} troubles are open, none is new."
        return dg.SensorResult(skip_reason=said, cursor=cursor)

    return sensor
