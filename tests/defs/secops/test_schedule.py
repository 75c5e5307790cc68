"""Tests of which receipts the schedule requests."""

from datetime import timedelta
from typing import Any

import dagster as dg

from duo_pipeline.defs.partitions import key_of
from duo_pipeline.defs.secops.schedule import to_request
from duo_pipeline.sandbox.log import FixedLog
from duo_pipeline.sandbox.secops.knobs import Knobs
from tests.defs.secops.conftest import SecOpsRun, ranges
from tests.records import spread


def wanted(secops: SecOpsRun) -> list[str]:
    found = to_request(
        secops.dagster.instance,
        secops.dagster.ndjson,
        secops.receipts.events,
        secops.hours,
        secops.now() - timedelta(hours=3),
    )
    return ranges(found)


def evaluated(secops: SecOpsRun) -> Any:
    made = secops.receipts
    (schedule,) = made.definitions.schedules or ()
    assert isinstance(schedule, dg.ScheduleDefinition)
    with dg.build_schedule_context(secops.dagster.instance) as context:
        return schedule.evaluate_tick(context)


def test_it_requests_landed_hours_without_a_receipt_as_one_run(secops: SecOpsRun) -> None:
    with dg.instance_for_test() as secops.dagster.instance:  # a schedule opens the instance by itself
        hours = secops.land(3)
        assert wanted(secops) == ranges(hours)
        (request,) = evaluated(secops).run_requests
        assert request.run_key == f"{key_of(hours[0])}...{key_of(hours[-1])}"
        secops.run(hours)
        assert evaluated(secops).skip_message == (
            "Every landed hour that SecOps can have by now has a green receipt."
        )


def test_it_does_not_request_an_hour_that_landed_too_recently(secops: SecOpsRun) -> None:
    secops.land(3)
    secops.later = -timedelta(hours=2)
    assert wanted(secops) == []


def test_it_requests_a_red_hour_again_until_it_is_green(secops: SecOpsRun) -> None:
    secops.api.knobs = Knobs(feed="disabled")
    hours = secops.land(3)
    secops.run(hours)
    assert wanted(secops) == ranges(hours)
    secops.api.knobs = Knobs()
    secops.later += timedelta(hours=4)
    secops.run(hours)
    assert wanted(secops) == []


def test_it_requests_an_hour_again_whose_lines_are_newer_than_its_receipt(secops: SecOpsRun) -> None:
    hours = secops.land(3)
    secops.run(hours)
    assert wanted(secops) == []
    secops.duo.api.log = FixedLog(spread(hours[1], 2))
    assert secops.dagster.run(hours[1], only=[secops.dagster.ndjson]).success
    assert wanted(secops) == [key_of(hours[1])]
