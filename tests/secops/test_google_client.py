"""Google's own clients talk to the emulated SecOps unchanged, and its answers are messages of Google's."""

import json
import urllib.request
from datetime import timedelta

import pytest
from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import BadRequest, Forbidden, NotFound, ServiceUnavailable, TooManyRequests
from google.auth.credentials import AnonymousCredentials
from google.cloud import chronicle_v1

from duo_pipeline.sandbox.secops.knobs import Fault, Knobs
from duo_pipeline.secops.feed_body import feed_body, role
from duo_pipeline.secops.queries import events_by_hour, events_by_record, platform_counts
from tests.secops.world import HOST, NOW, SANDBOX, URI, World

CREDENTIALS = AnonymousCredentials()  # type: ignore[no-untyped-call]
PARENT = SANDBOX.name
ROLE = role("arn:aws:iam::123456789012:role/secops-reader", "117000000000000000000")


def feeds(world: World) -> chronicle_v1.FeedsServiceClient:
    return chronicle_v1.FeedsServiceClient(
        credentials=CREDENTIALS,
        transport="rest",
        client_options=ClientOptions(api_endpoint=world.url),
    )


def execute(world: World, query: str, days: int = 30) -> chronicle_v1.ExecuteDashboardQueryResponse:
    client = chronicle_v1.DashboardQueryServiceClient(
        credentials=CREDENTIALS,
        transport="rest",
        client_options=ClientOptions(api_endpoint=world.url),
    )
    window = {"start_time": NOW - timedelta(days=days), "end_time": NOW}
    return client.execute_dashboard_query(
        request={"parent": PARENT, "query": {"query": query, "input": {"time_window": window}}},
        retry=None,
    )


def test_the_feeds_client_lists_creates_and_updates_feeds(world: World) -> None:
    client = feeds(world)
    (listed,) = client.list_feeds(parent=PARENT)
    assert listed.state == chronicle_v1.Feed.State.SUCCEEDED
    assert listed.details.amazon_s3_v2_settings.s3_uri == URI
    body = feed_body("s3://other/", SANDBOX, display_name="other", authentication=ROLE)
    created = client.create_feed(parent=PARENT, feed=chronicle_v1.Feed.from_json(json.dumps(body)))
    assert created.details.feed_source_type.name == "AMAZON_S3_V2"
    created.details.amazon_s3_v2_settings.max_lookback_days = 90
    client.update_feed(feed=created, update_mask="details")
    _, updated = client.list_feeds(parent=PARENT)
    assert updated.details.amazon_s3_v2_settings.max_lookback_days == 90


def test_the_client_of_queries_gets_columns(world: World) -> None:
    world.land(5)
    answer = execute(world, events_by_hour(HOST))
    assert [column.column for column in answer.results][:4] == ["hour", "events", "records", "newest"]
    hours, events = answer.results[0].values, answer.results[1].values
    assert [cell.value.string_val for cell in hours] == [f"{hour:%Y-%m-%d %H}" for hour in world.hours[:-1]]
    assert {cell.value.int64_val for cell in events} == {10}
    assert answer.data_sources == [chronicle_v1.DataSource.UDM]
    assert len(execute(world, events_by_record(HOST)).results[0].values) == 40
    counts = execute(world, platform_counts())
    assert {c.column: c.values[0].value.int64_val for c in counts.results[1:3]} == {"logs": 40, "events": 40}


@pytest.mark.parametrize(
    ("knobs", "error"),
    [
        (Knobs(refused_rights=("chronicle.dashboardQueries.execute",)), Forbidden),
        (Knobs(faults=(Fault(429),)), TooManyRequests),
        (Knobs(faults=(Fault(503),)), ServiceUnavailable),
    ],
)
def test_the_client_reads_refusals(world: World, knobs: Knobs, error: type[Exception]) -> None:
    world.api.knobs = knobs
    with pytest.raises(error):
        execute(world, platform_counts())


@pytest.mark.parametrize(
    "query",
    [
        "metadata.log_type",
        'metadata.log_type = "x"\nmatch:\n  $hour\n',
        'metadata.log_type = "x"\noutcome:\n  $x = median(metadata.id)\n',
        'metadata.log_type = "x"\noutcome:\n  $x = count(metadata.id)\nlimit:\n  20000\n',
        'nowhere.log_type = "x"\noutcome:\n  $x = count(metadata.id)\n',
    ],
)
def test_a_query_that_google_would_not_compile_is_refused(world: World, query: str) -> None:
    with pytest.raises(BadRequest, match="compilation error"):
        execute(world, query)


def test_a_query_of_more_than_ninety_days_is_refused(world: World) -> None:
    with pytest.raises(BadRequest, match="90 days"):
        execute(world, events_by_hour(HOST), days=91)


def test_another_instance_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        next(iter(feeds(world).list_feeds(parent="projects/p/locations/us/instances/i")))


def test_the_knobs_can_be_turned_over_http(world: World) -> None:
    request = urllib.request.Request(
        f"{world.url}/sandbox/knobs", json.dumps({"feed": "disabled"}).encode(), method="PUT"
    )
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["feed"] == "disabled"
    assert world.api.knobs.feed == "disabled"
