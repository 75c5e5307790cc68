"""docs/operations.md: each problem in it, and that its commands help."""

from datetime import timedelta

import pytest

from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs.alerts.evaluation import OVERDUE_AFTER
from duo_pipeline.defs.checks import no_hour_left_out
from duo_pipeline.defs.partitions import hours_between, key_of
from duo_pipeline.landing import keys
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.sandbox.knobs import Knobs
from duo_pipeline.sandbox.log import FixedLog
from tests.adoption.lambda_files import leave, lines
from tests.cli.test_ui import ask, until
from tests.conftest import ServedDuo
from tests.defs.assets.dagster_run import UDM, failure_of
from tests.docs.conftest import TOP, Document, Machine
from tests.records import SKEY, settled_hour, spread

HOUR = timedelta(hours=1)
COMMANDS = Document.read("operations.md").commands


def test_each_section_that_has_commands_is_tested_here() -> None:
    assert set(COMMANDS) == {
        "An hour is red",
        "Duo had an incident",
        "A key is rotated",
        "The daemon was down",
        "The bucket was lost",
        "180 days are nearly over",
    }


def test_the_times_are_those_of_the_alerts() -> None:
    text = " ".join((TOP / "docs" / "operations.md").read_text().split())
    assert f"not done {OVERDUE_AFTER // timedelta(minutes=1)} minutes after they have settled" in text


def test_an_hour_is_red(machine: Machine, duo: ServedDuo) -> None:
    (run_again,) = COMMANDS["An hour is red"]
    hour = settled_hour()
    duo.api.log = FixedLog(spread(hour, 3))
    duo.api.knobs = Knobs(total_difference=1)
    assert "Duo showed only 3 of the 4 records it counted" in failure_of(machine.dagster.run(hour))
    duo.api.knobs = Knobs()
    machine.run(run_again, hour)
    assert key_of(hour) in machine.dagster.done()
    assert machine.dagster.events(hour)[0]["records"] == 3


def test_duo_had_an_incident(machine: Machine, duo: ServedDuo) -> None:
    (read_again,) = COMMANDS["Duo had an incident"]
    first, last = settled_hour(2), settled_hour(1)
    records = spread(first, 6, hours=2)
    duo.api.log = FixedLog(records[:2])
    machine.dagster.run(first, last)
    duo.api.log = FixedLog(records)
    machine.run(read_again, first, last)
    figures = [machine.dagster.events(hour)[0] for hour in (first, last)]
    assert sum(one["late_records"] for one in figures) == 4
    assert all(one["late_by_minutes"] > 0 for one in figures)


def test_a_key_is_rotated(machine: Machine, settings: pytest.MonkeyPatch) -> None:
    (check,) = COMMANDS["A key is rotated"]
    settings.setenv("DUO_SKEY", "the-old-one")
    assert "check DUO_SKEY" in " ".join(machine.run(check, exit_code=1).split())
    (machine.folder / ".env").write_text(f"DUO_SKEY={SKEY}\n")
    # no daemon runs here
    assert "DUO_SKEY" not in machine.run(check, exit_code=1)


def test_the_daemon_was_down(machine: Machine) -> None:
    start, is_alive = COMMANDS["The daemon was down"]
    machine.run(is_alive, exit_code=1)
    with machine.running(start) as url:
        assert until(lambda: _healthy(url))
        machine.run(is_alive)


def _healthy(url: str) -> bool:
    query = "{instance {daemonHealth {allDaemonStatuses {required healthy}}}}"
    try:
        statuses = ask(url, query)["instance"]["daemonHealth"]["allDaemonStatuses"]
    except OSError:
        return False
    return all(one["healthy"] for one in statuses if one["required"])


def test_the_bucket_was_lost(machine: Machine, duo: ServedDuo, bucket: Bucket) -> None:
    read_anew, adopt, make_events = COMMANDS["The bucket was lost"]
    first, last = settled_hour(2), settled_hour(1)
    records = spread(first, 6, hours=2)
    duo.api.log = FixedLog(records)
    machine.dagster.run(first, last)
    before = bucket.keys("duo-telephony/")
    _lose(bucket, "")
    machine.run(read_anew, first, last)
    assert bucket.keys("duo-telephony/") == before

    leave(bucket, "telephony_1.json", lines(records[:1]))
    machine.run(adopt)
    below = bucket.keys("duo-telephony-work/")
    _lose(bucket, "duo-telephony-work/")
    machine.run(adopt)
    asked = len(duo.api.requests)
    machine.run(make_events, first, last)
    assert len(duo.api.requests) == asked
    journal = keys.journal_prefix("duo-telephony-work/", "duo-telephony/")
    assert bucket.keys("duo-telephony-work/") == [key for key in below if not key.startswith(journal)]
    assert machine.dagster.events(first, UDM)[0]["lines"] == 3


def _lose(bucket: Bucket, prefix: str) -> None:
    for key in bucket.keys(prefix):
        bucket._client.delete_object(Bucket=bucket.name, Key=key)


def test_180_days_are_nearly_over(machine: Machine, duo: ServedDuo) -> None:
    (read_it,) = COMMANDS["180 days are nearly over"]
    first, last = settled_hour(24 * 179), settled_hour(24 * 179 - 2)
    duo.api.log = FixedLog(spread(first, 9, hours=3))
    settings = HourSettings(
        first, settle_minutes=5, lookback_hours=1, reconcile_hours=1, reconcile_weekly_hours=0
    )
    then = last + 2 * HOUR + timedelta(minutes=5)
    ndjson = machine.dagster.ndjson
    assert not no_hour_left_out.verdict(machine.instance, ndjson, settings, then).passed
    machine.run(read_it, first, last)
    assert no_hour_left_out.verdict(machine.instance, ndjson, settings, then).passed
    assert {key_of(hour) for hour in hours_between(first, last)} <= machine.dagster.done()
