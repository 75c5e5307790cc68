import re
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest

from duo_pipeline.sandbox.knobs import Attack
from duo_pipeline.sandbox.log import AttackedLog, FixedLog, GeneratedLog, between, micros

from .duo_caller import START, record

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
FICTION = re.compile(
    r"\+1\d{3}55501\d\d|\+447700900\d{3}|\+442079460\d{3}|\+441614960\d{3}|\+493023125\d{3}|\+492214710\d{3}"
    r"|\+3363998\d{4}|\+61[27]5550\d{4}|\+467017406\d\d"
)


def count(generator: GeneratedLog, start: datetime, hours: int) -> int:
    return sum(len(generator.hour(start + timedelta(hours=n))) for n in range(hours))


def test_an_hour_always_has_the_same_records() -> None:
    first = GeneratedLog()
    hour = first.hour(START)
    assert hour
    assert first.hour(START) == hour
    assert GeneratedLog().hour(START) == hour


def test_another_seed_makes_another_log() -> None:
    assert GeneratedLog("other").hour(START) != GeneratedLog().hour(START)


def test_records_have_the_fields_of_duos_v2_items_and_fictitious_phone_numbers() -> None:
    generator = GeneratedLog(records_per_day=20_000)
    records = [row for n in range(24) for row in generator.hour(MONDAY + timedelta(hours=n))]
    for row in records:
        assert list(row) == ["context", "credits", "phone", "telephony_id", "ts", "txid", "type"]
        assert FICTION.fullmatch(row["phone"]), row["phone"]
        assert re.fullmatch(r"2026-11-16T\d\d:\d\d:\d\d\.\d{6}\+00:00", row["ts"])
        assert str(uuid.UUID(row["telephony_id"])) == row["telephony_id"]
        assert str(uuid.UUID(row["txid"])) == row["txid"]
    assert {row["context"] for row in records} == {
        "authentication",
        "enrollment",
        "administrator login",
        "verify",
    }
    assert {row["credits"] for row in records} == {0, 1, 2, 3, 5}
    assert {row["type"] for row in records} == {"sms", "phone"}
    assert len({row["telephony_id"] for row in records}) == len(records)


def test_records_come_in_order_and_within_their_hour() -> None:
    stamps = [datetime.fromisoformat(row["ts"]) for row in GeneratedLog().hour(START)]
    assert stamps == sorted(stamps)
    assert stamps[0] >= START
    assert stamps[-1] < START + timedelta(hours=1)


def test_the_records_of_an_attack_are_among_those_of_the_log() -> None:
    at = MONDAY + timedelta(hours=9, minutes=50)
    log = AttackedLog(GeneratedLog(), [Attack("number_range", at.isoformat(), "strong")])
    quiet = GeneratedLog()
    extra = [
        [one for one in log.placed(hour) if one not in quiet.placed(hour)]
        for hour in (MONDAY + timedelta(hours=n) for n in range(24))
    ]
    assert sum(map(len, extra)) == 150
    assert [number for number, of_hour in enumerate(extra) if of_hour] == [9, 10, 11, 12]
    hour = MONDAY + timedelta(hours=10)
    assert log.placed(hour) == AttackedLog(quiet, [Attack("number_range", at.isoformat(), "strong")]).placed(
        hour
    )
    assert [one.micros for one in log.placed(hour)] == sorted(one.micros for one in log.placed(hour))


def test_four_weeks_have_about_as_many_records_as_requested() -> None:
    assert 25_000 < count(GeneratedLog(), MONDAY, 28 * 24) < 30_000


def test_nights_and_weekends_are_quieter_than_working_hours() -> None:
    generator = GeneratedLog()
    morning = count(generator, MONDAY + timedelta(hours=8), 4)
    assert count(generator, MONDAY + timedelta(hours=1), 4) < morning / 3
    assert count(generator, MONDAY + timedelta(days=5, hours=8), 4) < morning / 2


@pytest.mark.parametrize(
    "start", [START + timedelta(minutes=1), START.astimezone(timezone(timedelta(hours=2)))]
)
def test_an_hour_must_begin_on_the_hour_in_utc(start: datetime) -> None:
    with pytest.raises(ValueError, match="hour in UTC"):
        GeneratedLog().hour(start)


def test_between_includes_the_start_and_excludes_the_end() -> None:
    log = FixedLog([record(0), record(1), record(3600), record(3601)])
    found = between(log, START + timedelta(seconds=1), START + timedelta(seconds=3601))
    assert [one.item for one in found] == [record(1), record(3600)]


def test_a_fixed_log_returns_its_records_unchanged_ordered_by_ts_and_id() -> None:
    short = record(2, ts="2026-11-20T12:00:05Z", new_field={"of": "Duo's"})
    twin = record(1, ts="2026-11-20T12:00:05+00:00")
    log = FixedLog([short, record(60), twin])
    assert [one.item for one in log.placed(START)] == [twin, short, record(60)]
    assert not log.placed(START + timedelta(hours=1))


def test_an_item_without_a_time_gets_that_of_the_item_before_it() -> None:
    nonsense = [record(7, ts="yesterday"), "no object", {"telephony_id": None}]
    placed = FixedLog([record(1), record(0), *nonsense]).placed(START)
    assert {one.micros for one in placed if one.item in nonsense} == {micros(START)}
    assert len(placed) == 5


def test_a_fixed_log_must_not_begin_with_an_item_without_a_time() -> None:
    with pytest.raises(ValueError, match="needs a ts"):
        FixedLog([record(0, ts="yesterday")])
