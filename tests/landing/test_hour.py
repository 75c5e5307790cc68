"""Tests of landing an hour, on a real S3 server."""

import hashlib
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from duo_pipeline import instants
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.landing.feed import Feed, Listing
from duo_pipeline.landing.hour import HourLanding, Landed
from duo_pipeline.landing.hour_lines import hour_lines
from duo_pipeline.landing.keys import hour_folder, journal_prefix
from duo_pipeline.landing.line import RecordFormat
from duo_pipeline.records import Item, Record, Reject
from tests.landing.test_bucket import body_of
from tests.records import Sent, sent, spread

HOUR = datetime(2026, 11, 23, 5, tzinfo=UTC)
FOLDER = "feed/dt=2026-11-23/hour=05/"


@pytest.fixture
def feed(bucket: Bucket) -> Feed:
    return Feed(bucket=bucket, prefix="feed/", work_prefix="work/", record_format="secops")


def entries(records: Iterable[Sent]) -> list[Item]:
    return [Record(record, instants.parse(record["ts"])) for record in records]


def existing(feed: Feed) -> list[str]:
    return Listing(feed.bucket, feed.prefix).of(HOUR)


def journal(feed: Feed) -> list[str]:
    return Listing(feed.bucket, journal_prefix(feed.work_prefix, feed.prefix)).of(HOUR)


def land(feed: Feed, arrived: Iterable[Item], host: str = "api-1.duosecurity.com") -> Landed:
    landing = HourLanding(feed, HOUR, host=host)
    landing.take(arrived)
    return landing.land(existing(feed), journal(feed))


def land_records(feed: Feed, records: Iterable[Sent]) -> Landed:
    return land(feed, entries(records))


def lines(feed: Feed) -> list[Sent]:
    return [json.loads(line.text) for line in hour_lines(feed, existing(feed))]


def ids(records: Iterable[Sent]) -> list[str]:
    return [record["telephony_id"] for record in records]


def test_an_hour_becomes_one_object_named_after_its_content(feed: Feed) -> None:
    landed = land_records(feed, spread(HOUR, 3))
    (key,) = feed.bucket.keys("feed/")
    body = b"".join(line + b"\n" for line in feed.bucket.lines(key))
    assert key == f"{FOLDER}telephony-20261123T05Z-{hashlib.sha256(body).hexdigest()[:16]}.ndjson"
    assert landed.objects == [feed.bucket.uri(key)]
    assert (landed.records, landed.new_records, landed.had_objects) == (3, 3, False)


def test_lines_are_sorted_by_ts_and_telephony_id(feed: Feed) -> None:
    same = [sent(HOUR, telephony_id=name) for name in ("b", "a", "c")]
    records = [*spread(HOUR, 5), *same]
    random.Random(1).shuffle(records)
    land_records(feed, records)
    written = lines(feed)
    assert written == sorted(written, key=lambda line: (line["ts"], line["telephony_id"]))
    assert len(written) == 8


def test_the_same_records_in_another_order_make_the_same_object(feed: Feed) -> None:
    one = sent(HOUR, telephony_id="a")
    records = [one, {**one, "txid": "1"}, {**one, "txid": "2"}]
    first = land_records(feed, records)
    other = replace(feed, prefix="other/", work_prefix="other-work/")
    second = land_records(other, reversed(records))
    assert first.objects[0].rpartition("/")[2] == second.objects[0].rpartition("/")[2]


def test_the_preview_has_the_first_five_records_however_many_there_are(feed: Feed) -> None:
    records = spread(HOUR, 20)
    assert ids(land_records(feed, records).preview) == ids(records[:5])


def test_an_hour_without_records_has_no_object(feed: Feed) -> None:
    landed = land_records(feed, [])
    assert feed.bucket.keys("") == []
    assert (landed.records, landed.new_records, landed.objects) == (0, 0, [])


def test_landing_again_writes_nothing(feed: Feed) -> None:
    records = spread(HOUR, 3)
    first = land_records(feed, records)
    again = land_records(feed, records)
    assert len(feed.bucket.keys("feed/")) == 1
    assert len(feed.bucket.keys("work/journal/")) == 1
    assert (again.records, again.new_records, again.had_objects) == (3, 0, True)
    assert again.objects == first.objects


def test_new_records_become_a_second_object_and_the_first_one_stays(feed: Feed) -> None:
    early, late = spread(HOUR, 3), sent(HOUR + timedelta(minutes=1))
    first = land_records(feed, early)
    second = land_records(feed, [*early, late])
    assert second.new_records == 1
    assert set(first.objects) < set(second.objects)
    assert sorted(ids(lines(feed))) == sorted(ids([*early, late]))


def test_records_that_duo_no_longer_shows_stay(feed: Feed) -> None:
    records = spread(HOUR, 3)
    land_records(feed, records)
    assert land_records(feed, records[:1]).new_records == 0
    assert len(lines(feed)) == 3


def test_a_record_that_comes_twice_lands_once(feed: Feed) -> None:
    one = sent(HOUR)
    landed = land_records(feed, [one, one])
    assert (landed.records, landed.credits_by_type.total()) == (1, 1)
    assert len(lines(feed)) == 1


def test_a_record_that_duo_changed_lands_again(feed: Feed) -> None:
    one = sent(HOUR, credits=1)
    land_records(feed, [one])
    assert land_records(feed, [{**one, "credits": 3}]).new_records == 1
    assert sorted(line["credits"] for line in lines(feed)) == ["1", "3"]


@pytest.mark.parametrize("formats", [("secops", "verbatim"), ("verbatim", "secops")])
def test_another_record_format_does_not_land_records_again(feed: Feed, formats: tuple[str, str]) -> None:
    records = spread(HOUR, 3)
    first, second = (replace(feed, record_format=one) for one in formats)  # type: ignore[arg-type]
    land_records(first, records)
    assert land_records(second, records).new_records == 0


@pytest.mark.parametrize("record_format", ["secops", "verbatim"])
def test_a_record_that_looks_like_a_secops_line_is_neither_lost_nor_doubled(
    feed: Feed, record_format: RecordFormat
) -> None:
    plain = sent(HOUR, credits=1)
    own = {**plain, "host": "h", "eventtype": "telephony", "timestamp": instants.parse(plain["ts"]).utc}
    written = replace(feed, record_format=record_format)
    assert land_records(written, [own]).new_records == 1
    assert land_records(written, [own, plain]).new_records == 1
    assert land_records(written, [own, plain]).new_records == 0


def test_another_api_host_does_not_land_records_again(feed: Feed) -> None:
    records = spread(HOUR, 3)
    land_records(feed, records)
    assert land(feed, entries(records), host="api-2.duosecurity.com").new_records == 0


def test_foreign_objects_in_the_hour_do_no_harm(feed: Feed) -> None:
    one, two = spread(HOUR, 2)
    foreign = [b"no json\n", b"[1]\n", b"\n", b'{"ts": 5}\n', json.dumps(one).encode() + b"\r\n"]
    feed.bucket.put(f"{FOLDER}telephony_1.json", body_of(*foreign))
    landed = land_records(feed, [one, two])
    assert landed.new_records == 1
    assert len(list(hour_lines(feed, existing(feed)))) == 6


def test_an_entry_that_cannot_be_a_line_goes_to_the_rejects_with_its_reason(feed: Feed) -> None:
    good, infinite = sent(HOUR), sent(HOUR, new=float("inf"))
    arrived = [
        *entries([good, infinite]),
        Reject("text", "it is not a JSON object"),
        Reject([float("nan")], "too"),
    ]
    landed = land(feed, arrived)
    assert (landed.records, landed.rejects.total()) == (1, 3)
    (key,) = feed.bucket.keys("work/rejects/dt=2026-11-23/hour=05/")
    rejects = [json.loads(line) for line in feed.bucket.lines(key)]
    assert rejects[1] == {"reason": "it is not a JSON object", "sent": "text"}
    assert all(reject["reason"] for reject in rejects)
    assert ids(lines(feed)) == ids([good])


def test_nothing_lands_if_reading_the_records_fails(feed: Feed) -> None:
    def broken() -> Iterator[Item]:
        yield from entries(spread(HOUR, 3))
        raise ConnectionError

    with pytest.raises(ConnectionError):
        land(feed, broken())
    assert feed.bucket.keys("") == []


def test_the_counts_credits_and_times_are_those_of_the_records(feed: Feed) -> None:
    first, second, third = spread(HOUR, 3)
    landed = land_records(feed, [{**third, "type": "phone", "credits": 3}, first, {**second, "credits": "2"}])
    assert landed.credits_by_type == {"phone": 3, "sms": 1}
    assert landed.first_ns == instants.parse(first["ts"]).ns
    assert landed.last_ns == instants.parse(third["ts"]).ns
    assert ids(landed.preview) == ids([first, second, third])


def test_fifty_thousand_records_land_in_order(feed: Feed) -> None:
    records = spread(HOUR, 50_000)
    shuffled = random.Random(1).sample(records, len(records))
    assert land_records(feed, shuffled).new_records == 50_000
    assert ids(lines(feed)) == ids(records)


def test_the_folder_of_an_hour_has_no_colon() -> None:
    assert hour_folder(HOUR) == "dt=2026-11-23/hour=05/"


def test_a_record_of_50_mb_lands_once_and_its_object_can_be_made_again_from_the_journal(feed: Feed) -> None:
    first, last = spread(HOUR, 2)
    records = [first, {**sent(HOUR + timedelta(minutes=30)), "context": "x" * 50_000_000}, last]
    (uri,) = land_records(feed, records).objects
    assert land_records(feed, records).new_records == 0
    key = uri.removeprefix(feed.bucket.uri(""))
    feed.bucket._client.delete_object(Bucket=feed.bucket.name, Key=key)
    again = land_records(feed, records)
    assert (again.new_records, again.objects) == (0, [uri])
    assert lines(feed)[1]["context"] == "x" * 50_000_000


def test_foreign_objects_are_not_counted_as_landed(feed: Feed) -> None:
    for name in ("", "_SUCCESS", ".DS_Store"):
        feed.bucket._client.put_object(Bucket=feed.bucket.name, Key=f"{FOLDER}{name}", Body=b"")
    landed = land_records(feed, spread(HOUR, 2))
    assert (landed.had_objects, len(landed.objects)) == (False, 1)


def test_a_record_that_duo_has_changed_lands_again_and_is_counted(feed: Feed) -> None:
    one, two, three = spread(HOUR, 3)
    without_id = {name: value for name, value in three.items() if name != "telephony_id"}
    assert land_records(feed, [one, two, without_id]).changed_records == 0
    assert land_records(feed, [one, two, without_id]).changed_records == 0
    landed = land_records(feed, [{**one, "credits": 7}, two, {**without_id, "credits": 7}])
    assert (landed.new_records, landed.changed_records) == (2, 1)
    both = land_records(feed, [one, {**one, "credits": 7}, two, {**two, "type": "phone"}])
    assert (both.new_records, both.changed_records) == (1, 1)
    later = {**two, "ts": three["ts"]}
    assert (landed := land_records(feed, [later])).new_records == 1
    assert landed.changed_records == 0


def test_two_versions_of_a_record_in_one_reading_are_one_changed_record(feed: Feed) -> None:
    (one,) = spread(HOUR, 1)
    assert land_records(feed, [one, {**one, "credits": 7}, {**one, "credits": 8}]).changed_records == 2
