"""Tests of the receipts, against the emulated SecOps and each of its knobs."""

from dataclasses import asdict
from datetime import timedelta

import pytest

from duo_pipeline.sandbox.secops.knobs import Knobs
from duo_pipeline.secops.feeds import SecOpsFeed
from duo_pipeline.secops.receipts import HOUR, Difference, Receipt
from tests.secops.world import HOST, NOW, URI, World

USUAL = Knobs(indexing_minutes=120, transfer_delay_minutes=10)


def statuses(found: list[Receipt]) -> set[str]:
    return {receipt.status for receipt in found}


def test_hours_that_secops_has_are_received_each_event_once(world: World) -> None:
    world.land(48)
    found = world.receipts(hours=world.hours[:-3])
    assert statuses(found) == {"received"}
    assert found[0].sentence == "SecOps has 10 of 10 events, each once."
    assert (found[0].has.events, found[0].has.records, found[0].has.median_lag_minutes) == (10, 10, 90)
    assert found[0].has.newest == world.hours[0] + HOUR + timedelta(minutes=15)


def test_an_hour_without_lines_is_received(world: World) -> None:
    world.land_hour(NOW.replace(minute=0) - HOUR * 9, lines=0)
    (receipt,) = world.receipts()
    assert receipt.status == "received"
    assert receipt.sentence == "The hour has no lines, and SecOps has no events of it."


def test_with_the_usual_delays_no_hour_of_two_days_is_ever_red(world: World) -> None:
    world.api.knobs = USUAL
    world.now = start = NOW - HOUR * 48
    for _ in range(48 * 4):
        world.now += timedelta(minutes=15)
        hour = world.now.replace(minute=0) - HOUR
        if hour not in world.hours and world.now.minute >= 15 and hour >= start.replace(minute=0):
            world.land_hour(hour, lines=3)
        if world.hours and world.now.minute == 45:
            assert statuses(world.receipts(hours=world.hours[-8:])) <= {"received", "not yet"}
    world.now += HOUR * 4
    assert len(world.hours) == 48
    assert statuses(world.receipts()) == {"received"}


@pytest.mark.parametrize("feed", ["disabled", "failed"])
def test_a_feed_that_stops_is_red_within_four_hours(world: World, feed: str) -> None:
    world.api.knobs = USUAL
    world.land(6)
    world.now += HOUR * 4
    assert statuses(world.receipts()) == {"received"}
    stopped, before = world.now, world.hours.copy()
    world.api.knobs = Knobs(**{**asdict(USUAL), "feed": feed})
    while True:
        world.now += timedelta(minutes=15)
        hour = world.now.replace(minute=0) - HOUR
        if hour not in world.hours and world.now.minute >= 15 and hour >= stopped.replace(minute=0):
            world.land_hour(hour)
        red = [one for one in world.receipts() if one.is_red] if world.hours[-1] >= stopped - HOUR else []
        if red:
            break
        assert world.now < stopped + HOUR * 5
    assert world.now - (red[0].in_feed.landed or world.now) <= HOUR * 4
    assert red[0].in_feed.hour not in before
    assert (red[0].has.events, world.truth(red[0].in_feed.hour)) == (0, 0)
    said = {
        "disabled": "The feed Duo telephony 1 is disabled, and its last transfer was at 2026-11-23 16:30 UTC:"
        " enable it in SecOps (SIEM Settings, Feeds).",
        "failed": "The feed Duo telephony 1 has failed, and its last transfer was at 2026-11-23 16:30 UTC:"
        " The credentials of the feed may not read the bucket; Give the role of the feed s3:ListBucket and"
        " s3:GetObject.",
    }
    assert red[0].sentence == (
        f"SecOps has 0 of 10 events: 10 are missing. {said[feed]} When the cause is gone, docs/secops.md says"
        " how to send the lines again."
    )


def test_after_an_outage_of_the_feed_every_hour_turns_green(world: World) -> None:
    world.api.knobs = Knobs(feed="disabled")
    world.land(10)
    world.now += HOUR * 4
    found = world.receipts()
    assert statuses(found) == {"missing"}
    assert "Events are missing since 2026-11-23 02:00 UTC." in found[-1].sentence
    assert "since" not in found[0].sentence
    world.api.knobs = Knobs()
    world.now += HOUR * 4
    assert statuses(world.receipts()) == {"received"}


def test_a_skipped_object_is_found_by_its_records(world: World) -> None:
    hour = NOW.replace(minute=0) - HOUR * 8
    world.api.knobs = Knobs(skipped=(world.key(hour, 1),))
    world.land(12)
    world.now += HOUR * 4
    (red,) = [receipt for receipt in world.receipts() if receipt.is_red]
    assert (red.in_feed.hour, red.status, red.has.events, world.truth(hour)) == (hour, "missing", 5, 5)
    assert red.differences == [Difference(f"{hour:%d%H}-{n}", world.key(hour, 1), 1, 0) for n in range(5, 10)]
    assert red.sentence.startswith("SecOps has 5 of 10 events: 5 are missing. They are lines of telephony-")
    assert "The feed Duo telephony 1 says SUCCEEDED, and its last transfer was at" in red.sentence


def test_a_doubled_object_is_found_by_its_records(world: World) -> None:
    hour = NOW.replace(minute=0) - HOUR * 8
    world.api.knobs = Knobs(doubled=(world.key(hour, 0),))
    world.land(12)
    world.now += HOUR * 4
    (red,) = [receipt for receipt in world.receipts() if receipt.is_red]
    assert (red.in_feed.hour, red.status, red.has.events, world.truth(hour)) == (hour, "doubled", 15, 15)
    assert red.differences == [Difference(f"{hour:%d%H}-{n}", world.key(hour, 0), 1, 2) for n in range(5)]
    assert red.sentence.startswith("SecOps has 15 events of 10 lines: 5 too many. They are lines of")
    assert red.sentence.endswith("SecOps cannot take events back: docs/secops.md says what to do.")


def test_an_object_doubled_and_another_one_missing_do_not_look_complete(world: World) -> None:
    hour = NOW.replace(minute=0) - HOUR * 8
    world.api.knobs = Knobs(doubled=(world.key(hour, 0),), skipped=(world.key(hour, 1),))
    world.land(12)
    world.now += HOUR * 4
    (red,) = [receipt for receipt in world.receipts() if receipt.is_red]
    assert (red.in_feed.hour, red.has.events, len(red.differences or ())) == (hour, 10, 10)
    assert red.sentence.startswith("SecOps has 10 events of 10 lines: 5 too many. 5 others are missing.")


def test_two_feeds_on_one_prefix_ingest_everything_twice(world: World) -> None:
    world.api.add_feed("s3://bucket", since=world.now - HOUR * 99)
    world.land(3)
    world.now += HOUR * 4
    found = world.receipts()
    assert statuses(found) == {"doubled"}
    assert (
        "2 feeds read s3://bucket/duo-telephony/, so that every line is ingested more than once: disable all"
        " but one of Duo telephony 1 and Duo telephony 2." in found[0].sentence
    )


def test_an_updated_object_is_ingested_whole_again(world: World) -> None:
    world.land(3)
    world.now += HOUR
    assert world.truth(world.hours[0]) == 10
    content, _ = world.store.contents[world.key(world.hours[0], 0)]
    world.store.contents[world.key(world.hours[0], 0)] = (
        content + content[: content.index(b"\n") + 1],
        world.now,
    )
    world.now += HOUR * 4
    assert world.truth(world.hours[0]) == 16


def test_what_the_platform_refused_is_named_beside_missing_events(world: World) -> None:
    hour = NOW.replace(minute=0) - HOUR * 2
    world.api.knobs = Knobs(skipped=(world.key(hour, 1),))
    world.land(3)
    world.store.contents["duo-telephony/notes.txt"] = b"no json\nno json\n", hour + HOUR
    world.now += HOUR * 4
    (red,) = [receipt for receipt in world.receipts() if receipt.is_red]
    assert red.refused == 2
    assert (
        "SecOps has refused 2 lines of this log type since events are missing: look at its parser (SIEM"
        " Settings, Parsers)." in red.sentence
    )


def test_a_parser_that_loses_the_time_or_the_host_does_not_look_complete(world: World) -> None:
    for field in ("metadata.event_timestamp", "principal.hostname"):
        world.api.knobs = Knobs(parser={field: "dropped"})
        world.now += HOUR * 30
        world.hours.clear()
        world.land(5)
        world.now += HOUR * 4
        found = world.receipts()
        assert statuses(found) == {"missing"}
        assert "if they are these, its parser no longer writes the host or the time" in found[-1].sentence


def test_an_hour_that_landed_less_than_three_hours_ago_is_not_red(world: World) -> None:
    world.api.knobs = Knobs(feed="disabled")
    world.land(2)
    (early, late) = world.receipts()
    assert {early.status, late.status} == {"not yet"}
    assert late.sentence == (
        "SecOps has 0 of 10 events so far. It shows counts up to two hours late: this hour is judged from"
        " 2026-11-23 15:06 UTC on."
    )


def test_lines_as_duo_sends_them_cannot_be_counted(world: World) -> None:
    world.land(3, timestamp=None, host=None, eventtype=None, credits=1)
    world.now += HOUR * 4
    found = world.receipts()
    assert statuses(found) == {"not countable"}
    assert found[0].sentence == (
        "10 of 10 lines cannot be counted in SecOps, because they lack an event time or a host that only this"
        " account has: set DUO_RECORD_FORMAT=secops, which changes only new lines. Accounts that share a host"
        " cannot be told apart."
    )


def test_another_account_in_the_same_instance_is_not_counted(world: World) -> None:
    world.land(3)
    hour = world.hours[0]
    other = world.key(hour, 0).replace("duo-telephony/", "other/")
    content, modified = world.store.contents[world.key(hour, 0)]
    world.store.contents[other] = content.replace(HOST.encode(), b"api-87654321.duosecurity.com"), modified
    world.api.add_feed("s3://bucket/other/", since=world.now - HOUR * 99)
    world.now += HOUR * 4
    assert world.truth(hour) == 15
    assert statuses(world.receipts()) == {"received"}


def test_thirty_days_cost_one_request_and_a_red_hour_says_what_it_costs(world: World) -> None:
    world.land(720, lines=2)
    world.now += HOUR * 4
    secops = world.ask()
    assert statuses(world.receipts(secops)) == {"received"}
    assert secops.requests_sent == 1
    hour = world.hours[-5]
    one = world.ask()
    world.receipts(one, hours=[hour])
    assert one.requests_sent == 1


@pytest.mark.parametrize(
    ("knobs", "requests"),
    [
        (Knobs(feed="disabled"), 2),  # the count, and what the feed says of itself
        (Knobs(doubled=("-0.ndjson",)), 3),  # and the records
        (Knobs(skipped=("-0.ndjson",)), 4),  # and what the platform refused
    ],
)
def test_a_red_hour_costs_a_few_requests_more(world: World, knobs: Knobs, requests: int) -> None:
    world.api.knobs = knobs
    world.land(1)
    world.now += HOUR * 4
    secops = world.ask()
    assert world.receipts(secops)[0].is_red
    assert secops.requests_sent == requests


def test_a_right_that_is_missing_for_the_feeds_does_not_hide_the_verdict(world: World) -> None:
    world.api.knobs = Knobs(feed="disabled", refused_rights=("chronicle.feeds.list",))
    world.land(1)
    world.now += HOUR * 4
    (red,) = world.receipts()
    assert red.sentence.startswith(
        "SecOps has 0 of 10 events: 10 are missing. SecOps did not list its feeds (403): the credentials lack"
        " the right chronicle.feeds.list on projects/sandbox-project/"
    )


def test_without_a_feed_on_the_prefix_the_receipt_says_how_to_make_one(world: World) -> None:
    world.land(1)
    world.now += HOUR * 4
    world.api._feeds.clear()
    world.api._transfers.clear()
    (red,) = world.receipts()
    assert (
        f"No feed of the instance reads {URI}: create one with `duo-pipeline feed --create`." in red.sentence
    )


def test_records_of_more_hours_than_one_query_lists_are_listed_for_the_newest(world: World) -> None:
    world.api.knobs = Knobs(doubled=("-0.ndjson",))
    world.land(3, lines=4_000)
    world.now += HOUR * 4
    found = world.receipts()
    assert [receipt.differences is not None for receipt in found] == [False, True, True]
    assert statuses(found) == {"doubled"}


def test_a_feed_state_names_what_is_not_as_it_should_be() -> None:
    feed = SecOpsFeed("f", "F", URI, "DUO_AUTH", "AMAZON_S3", "ACTIVE", True, 30, None, "")
    assert feed.differences() == [
        "has the log type DUO_AUTH instead of DUO_TELEPHONY",
        "is of the kind AMAZON_S3 instead of AMAZON_S3_V2, which replaces it",
        "deletes what it has read, and a deleted object is landed and ingested again",
        "ignores objects older than 30 days instead of 180",
    ]
    assert feed.sentence == "The feed F says ACTIVE, and it has not transferred anything yet."
