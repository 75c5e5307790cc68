"""Tests of asking SecOps: retries, and each refusal as one sentence with its cure."""

from collections.abc import Callable
from typing import Any

import pytest

from duo_pipeline.sandbox.secops.knobs import Fault, Knobs
from duo_pipeline.secops import feeds, parser, received
from duo_pipeline.secops.api import SecOps
from duo_pipeline.secops.errors import SecOpsError, SecOpsUnavailable
from duo_pipeline.secops.instance import Instance
from duo_pipeline.secops.receipts import HOUR
from tests.secops.world import HOST, NOW, SANDBOX, URI, World

ASKS: dict[str, Callable[[SecOps], Any]] = {
    "chronicle.dashboardQueries.execute": lambda secops: received.received_by_hour(
        secops, NOW - HOUR, NOW, HOST
    ),
    "chronicle.feeds.list": lambda secops: feeds.readers(secops, URI),
    "chronicle.parsers.list": parser.active_parser,
    "chronicle.parserExtensions.list": parser.active_parser,
    "chronicle.parsers.runParser": lambda s: list(parser.run(s, parser.active_parser(s), [b"{}"])),
}


@pytest.mark.parametrize("right", ASKS)
def test_a_missing_right_is_named_with_its_cure(world: World, right: str) -> None:
    world.api.knobs = Knobs(refused_rights=(right,))
    with pytest.raises(SecOpsError) as raised:
        ASKS[right](world.ask())
    assert (raised.value.code, raised.value.right) == (403, right)
    assert f"(403): the credentials lack the right {right} on projects/" in str(raised.value)
    assert "give them roles/chronicle.viewer, or a role with this right" in str(raised.value)


@pytest.mark.parametrize("right", ASKS)
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_failure_that_passes_is_tried_again(world: World, right: str, status: Any) -> None:
    waits: list[float] = []
    world.api.knobs = Knobs(faults=(Fault(status, times=3),))
    ASKS[right](SecOps(SANDBOX, world.url, sleep=waits.append))
    assert waits == [2, 4, 8]


def test_a_failure_that_stays_says_so(world: World) -> None:
    world.api.knobs = Knobs(faults=(Fault(503, times=9),))
    with pytest.raises(SecOpsUnavailable) as raised:
        ASKS["chronicle.feeds.list"](world.ask())
    assert str(raised.value) == (
        "SecOps did not list its feeds (503): it had an internal error (tried 4 times): try again later."
    )


def test_a_wrong_instance_names_the_variables(world: World) -> None:
    with pytest.raises(SecOpsError) as raised:
        feeds.readers(SecOps(Instance("other", "us", "i-1"), world.url), URI)
    assert str(raised.value) == (
        "SecOps did not list its feeds (404): there is no projects/other/locations/us/instances/i-1: check"
        " SECOPS_PROJECT, SECOPS_LOCATION and SECOPS_INSTANCE (SIEM Settings, Profile)."
    )


def test_a_query_that_google_refuses_is_shown_with_its_words(world: World) -> None:
    client = world.ask()
    with pytest.raises(SecOpsError, match=r"\(400\): Google says \"The time window is not valid\.\"\."):
        received.events_by_record(client, NOW, NOW, HOST)


def test_an_unreachable_host_is_tried_and_named() -> None:
    waits: list[float] = []
    with pytest.raises(SecOpsUnavailable) as raised:
        feeds.readers(SecOps(SANDBOX, "http://127.0.0.1:9", sleep=waits.append), URI)
    assert str(raised.value) == (
        "SecOps did not list its feeds: 127.0.0.1:9 cannot be reached (ConnectionRefusedError) (tried 4"
        " times): try again later."
    )
    assert len(waits) == 3


def test_without_credentials_the_sentence_says_where_they_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/credentials.json")
    with pytest.raises(SecOpsError) as raised:
        feeds.readers(SecOps(SANDBOX), URI)
    assert str(raised.value).startswith(
        "There are no Google credentials that work (DefaultCredentialsError): set"
        " GOOGLE_APPLICATION_CREDENTIALS to a file of workload identity federation or of a service account"
    )


def test_the_active_parser_says_whose_it_is(world: World) -> None:
    assert parser.active_parser(world.ask()).sentence == "Google's own"
    world.api.knobs = Knobs(custom_parser=True, extension=True)
    assert (
        parser.active_parser(world.ask()).sentence == "a custom one of someone@example.com, with an extension"
    )


def test_the_parser_runs_on_a_thousand_lines_a_request_in_their_order(world: World) -> None:
    secops = world.ask()
    active = parser.active_parser(secops)
    before = secops.requests_sent
    lines = [f'{{"telephony_id": "{number}"}}'.encode() for number in range(2_500)]
    made = list(parser.run(secops, active, lines))
    assert secops.requests_sent == before + 3
    ids = [one["metadata"]["productLogId"] for one in made if one]
    assert ids == [str(number) for number in range(2_500)]


def test_a_line_that_the_parser_drops_has_no_event(world: World) -> None:
    secops = world.ask()
    assert list(parser.run(secops, parser.active_parser(secops), [b"no json"])) == [None]
