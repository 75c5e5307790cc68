"""The records in the emulated Duo's log."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from duo_pipeline.sandbox.log import (
    FixedLog,
    GeneratedLog,
    Log,
)
from duo_pipeline.sandbox.traffic import DAY, MEAN_WEIGHT, WEEKEND

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Records:
    """About ``count`` records from start to end, spread as people work; in one hour, exactly ``count``."""

    count: int
    start: datetime
    end: datetime

    def log(self) -> Log:
        hours = [self.start + HOUR * number for number in range((self.end - self.start) // HOUR)]
        return _even(hours[0], self.count) if len(hours) == 1 else _as_people_work(hours, self.count)


def _as_people_work(hours: list[datetime], count: int) -> Log:
    weight = sum(DAY[hour.hour] * (WEEKEND if hour.weekday() >= 5 else 1) for hour in hours)
    return GeneratedLog("bench", records_per_day=24 * count * MEAN_WEIGHT / weight)


def _even(hour: datetime, count: int) -> Log:
    record = GeneratedLog("bench").hour(hour.replace(hour=10))[0]
    step = HOUR / (count + 1)
    return FixedLog(
        {
            **record,
            "ts": (hour + step * number).isoformat(timespec="microseconds"),
            "telephony_id": str(uuid.UUID(int=number)),
        }
        for number in range(1, count + 1)
    )
