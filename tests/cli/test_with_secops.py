"""The commands that ask SecOps: `feed --create` and `--update`, `udm --with-secops`, and `check`."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from duo_pipeline.cli import main
from duo_pipeline.config.settings import FeedSettings
from duo_pipeline.preflight import secops as preflight
from duo_pipeline.sandbox.secops.knobs import Knobs
from duo_pipeline.sandbox.serving import serve
from duo_pipeline.secops import feeds
from duo_pipeline.udm.invented import invented_lines
from tests.secops.world import SANDBOX, URI, World

ROLE = ("--role-arn", "arn:aws:iam::123456789012:role/secops-reader", "--subject-id", "1170000")
FEED = FeedSettings(bucket="bucket")


@pytest.fixture(autouse=True)
def instance(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The settings lead to an emulated SecOps, whose clock is the machine's, with a feed on the prefix."""
    made = World(now=datetime.now(UTC))
    made.api.add_feed(URI, since=made.now - timedelta(days=99))
    with serve(made.api) as made.url:
        for name, value in {
            "SECOPS_PROJECT": SANDBOX.project,
            "SECOPS_LOCATION": SANDBOX.location,
            "SECOPS_INSTANCE": SANDBOX.instance,
            "SECOPS_API_ENDPOINT": made.url,
            "S3_BUCKET": "bucket",
        }.items():
            monkeypatch.setenv(name, value)
        yield made


def run(*options: str, answer: str = "") -> Result:
    return CliRunner().invoke(main, options, input=answer)


def without_feeds(world: World) -> None:
    world.api._feeds.clear()
    world.api._transfers.clear()


def test_create_makes_the_feed_after_a_question(instance: World) -> None:
    without_feeds(instance)
    result = run("feed", "--create", *ROLE, answer="n\n")
    assert (result.exit_code, feeds.readers(instance.ask(), URI)) == (1, [])
    result = run("feed", "--create", *ROLE, answer="y\n")
    assert result.exit_code == 0
    assert "Create the feed Duo telephony in projects/sandbox-project/" in result.output
    assert f", which reads {URI}?" in result.output
    (made,) = feeds.readers(instance.ask(), URI)
    assert (made.uri, made.state, made.differences()) == (URI, "ACTIVE", [])


def test_create_refuses_a_second_feed_on_the_prefix() -> None:
    result = run("feed", "--create", "--yes", *ROLE)
    assert result.exit_code == 1
    assert (
        f"Error: Duo telephony 1 reads {URI} already, and a second feed would ingest every line twice: use"
        " --update to bring it in line, or delete it first." in result.output
    )


def test_update_brings_a_feed_in_line_and_keeps_its_name(instance: World) -> None:
    without_feeds(instance)
    instance.api.add_feed(URI, sourceDeletionOption="ON_SUCCESS", maxLookbackDays=30)
    result = run("feed", "--update", "--yes", *ROLE)
    assert result.exit_code == 0, result.output
    assert "deletes what it has read, and a deleted object is landed and ingested again." in result.output
    assert "ignores objects older than 30 days instead of 180." in result.output
    (made,) = feeds.readers(instance.ask(), URI)
    assert (made.display_name, made.differences()) == ("Duo telephony 1", [])


def test_update_leaves_a_feed_alone_that_is_as_it_should_be(instance: World) -> None:
    result = run("feed", "--update", "--yes", *ROLE)
    assert result.output == "The feed Duo telephony 1 is as this project makes it: nothing to update.\n"
    assert not [one for one in instance.api.requests if one.startswith("PATCH")]


def test_a_right_to_create_that_is_missing_is_named(instance: World) -> None:
    without_feeds(instance)
    instance.api.knobs = Knobs(refused_rights=("chronicle.feeds.create",))
    result = run("feed", "--create", "--yes", *ROLE)
    assert result.exit_code == 1
    assert "the credentials lack the right chronicle.feeds.create" in result.output


def test_without_the_instance_its_variables_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECOPS_PROJECT")
    monkeypatch.delenv("SECOPS_INSTANCE")
    assert (
        "Error: SECOPS_PROJECT and SECOPS_INSTANCE are not set: set them in the environment or in .env."
        in run("feed", "--create", "--yes", *ROLE).output
    )


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "lines.ndjson"
    path.write_bytes(b"".join(line + b"\n" for line in invented_lines()))
    return str(path)


def test_lines_on_which_the_parser_does_what_the_model_does(instance: World, file: str) -> None:
    result = run("udm", "--with-secops", file)
    assert result.exit_code == 0, result.output
    assert f"The parser of {instance.api.name} is Google's own." in result.output
    assert "23 lines: no field differs from the model of this project." in result.output


def test_fields_that_differ_are_shown_without_phone_numbers(instance: World, file: str) -> None:
    instance.api.knobs = Knobs(parser={"principal.user.userid": "dropped", "target.application": "changed"})
    result = run("udm", "--with-secops", file)
    assert result.exit_code == 1
    assert "principal.user.userid" in result.output
    assert "target.application" in result.output
    assert "23 lines: 2 fields differ from the model of this project." in result.output
    assert "2025550100" not in result.output


def test_a_file_that_is_not_there_is_named() -> None:
    result = run("udm", "--with-secops", "/nowhere")
    assert (result.exit_code, "/nowhere cannot be read" in result.output) == (2, True)


def lines() -> dict[str, tuple[str, str]]:
    group = preflight.check(os.environ, FEED)
    return {line.name: (line.status.value, line.sentence) for line in group.lines}


def test_check_finds_everything_in_order(instance: World) -> None:
    instance.land(2)
    assert {name: status for name, (status, _) in lines().items()} == dict.fromkeys(
        ("settings", "count events", "list feeds", "feed", "last transfer", "parser", "run parser"), "ok"
    )


@pytest.mark.parametrize(
    ("knobs", "line", "words"),
    [
        (Knobs(feed="disabled"), "last transfer", "is disabled, and its last transfer was at"),
        (
            Knobs(feed="failed"),
            "last transfer",
            "The credentials of the feed may not read the bucket; Give the",
        ),
        (
            Knobs(refused_rights=("chronicle.feeds.list",)),
            "list feeds",
            "lack the right chronicle.feeds.list",
        ),
        (Knobs(refused_rights=("chronicle.parsers.list",)), "parser", "the right chronicle.parsers.list"),
        (Knobs(refused_rights=("chronicle.parsers.runParser",)), "run parser", "chronicle.parsers.runParser"),
        (
            Knobs(refused_rights=("chronicle.dashboardQueries.execute",)),
            "count events",
            "the right chronicle.dashboardQueries.execute",
        ),
    ],
)
def test_check_finds_what_is_wrong(instance: World, knobs: Knobs, line: str, words: str) -> None:
    instance.api.events()  # a transfer has gone well before
    instance.api.knobs = knobs
    found = lines()
    failed = {name for name, (status, _) in found.items() if status == "failed"}
    assert failed == ({"feed", line} if knobs.feed == "disabled" else {line})
    assert words in found[line][1]


def test_check_warns_of_a_customers_parser(instance: World) -> None:
    instance.api.knobs = Knobs(custom_parser=True)
    status, sentence = lines()["parser"]
    assert status == "warning"
    assert sentence.startswith("The active parser is a custom one of someone@example.com: what this project")


def test_check_finds_two_feeds_on_the_prefix(instance: World) -> None:
    instance.api.add_feed("s3://bucket/", since=instance.now - timedelta(days=1))
    status, sentence = lines()["feed"]
    assert status == "failed"
    assert sentence.startswith(f"2 feeds read {URI}, so that SecOps ingests every line more than once")


def test_check_finds_no_feed(instance: World) -> None:
    without_feeds(instance)
    assert lines()["feed"] == (
        "failed",
        f"No feed reads {URI}: create one with `duo-pipeline feed --create`.",
    )


def test_check_has_no_section_without_an_instance(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("SECOPS_PROJECT", "SECOPS_LOCATION", "SECOPS_INSTANCE"):
        monkeypatch.delenv(name)
    found = json.loads(run("check", "--json").output)
    assert "SecOps" not in {line["group"] for line in found["lines"]}
    monkeypatch.setenv("SECOPS_PROJECT", "p")
    found = json.loads(run("check", "--json").output)
    (line,) = [one for one in found["lines"] if one["group"] == "SecOps" and one["status"] == "failed"]
    assert line["sentence"] == (
        "SECOPS_LOCATION and SECOPS_INSTANCE are not set: set them in the environment or in .env."
    )
