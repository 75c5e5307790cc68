"""The sensor that tells people of hours in trouble."""

from collections.abc import Callable, Sequence
from datetime import datetime

import dagster as dg

from duo_pipeline.alerts import failures
from duo_pipeline.alerts.lookout import Lookout
from duo_pipeline.alerts.topic import Topic
from duo_pipeline.alerts.troubles import Memory
from duo_pipeline.settings import HourSettings

EVERY_SECONDS = 60


def telephony_alerts(
    assets: Sequence[dg.AssetsDefinition],
    hours: HourSettings,
    topic: Topic | None,
    ui_url: str,
    now: Callable[[], datetime],
) -> dg.SensorDefinition:
    """Make the sensor.

    It publishes at most one message a tick, and remembers it in its cursor: so a message that SNS did not
    take fails the tick and is sent with the next one, and none that it took is sent again.

    Args:
        assets: The assets to look after, in the order of the way; the first is the one that can be overdue.
        hours: Which hours there are.
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
        memory = Memory.read(context.cursor)
        lookout = Lookout(context.instance, assets, hours, ui_url, now())
        message = lookout.over(memory) or lookout.failed(memory) or lookout.overdue(memory)
        if message:
            topic.publish(message)
        said = (
            f"Told: {message.subject}." if message else f"{len(memory.open)} troubles are open, none is new."
        )
        return dg.SensorResult(skip_reason=said, cursor=memory.write())

    return sensor
