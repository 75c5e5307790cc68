"""The commands, if there are several accounts."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from duo_pipeline.cli import main
from duo_pipeline.cli.local_instance import local_instance
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.sandbox.accounts import Accounts
from tests.adoption.lambda_files import leave, lines
from tests.records import sent, settled_hour


@pytest.fixture
def duos(settings: pytest.MonkeyPatch, tmp_path: Path) -> Accounts:
    settings.chdir(tmp_path)
    settings.setenv("DAGSTER_HOME", str(local_instance(tmp_path / "home")))
    duos = Accounts(["acme", "globex"], tmp_path / "accounts.yaml")
    for name, value in duos.environment.items():
        settings.setenv(name, value)
    return duos


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def status(result: Result) -> dict[tuple[str | None, str], str]:
    return {
        (line["account"], f"{line['group']}/{line['name']}"): line["status"]
        for line in json.loads(result.stdout)["lines"]
    }


def test_check_tries_each_account_and_says_whose_line_is_red(
    duos: Accounts, settings: pytest.MonkeyPatch
) -> None:
    settings.setenv("DUO_SKEY_GLOBEX", "mistyped")
    with duos:
        found = status(run("check", "--json"))
        assert [api.statuses.total() for api in duos.apis.values()] == [1, 1]
        table = run("check").stdout
    assert found["acme", "Duo/signature"] == found["acme", "S3/put"] == "ok"
    assert found["globex", "Duo/signature"] == "failed"
    assert found["globex", "S3/put"] == "ok"
    assert found[None, "Dagster/schedules"] == "ok"
    assert "globex: Duo" in table
    assert "telephony_hourly_acme and telephony_reconcile_acme and telephony_hourly_globex" in table
    assert "duo_admin_api_acme and duo_admin_api_globex" in table


def test_check_tries_only_one_account(duos: Accounts) -> None:
    with duos:
        found = status(run("check", "--account", "acme", "--json"))
        assert duos.apis["globex"].statuses.total() == 0
    assert {account for account, _ in found} == {"acme", None}


@pytest.mark.usefixtures("duos")
def test_check_names_what_is_wrong_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "accounts.yaml").write_text("accounts: []")
    result = run("check", "--json")
    assert result.exit_code == 1
    (line,) = json.loads(result.stdout)["lines"]
    assert line["sentence"].endswith("is wrong: accounts must name at least one account.")


@pytest.mark.parametrize("command", ["feed", "adopt"])
def test_one_has_to_be_chosen_where_it_matters(duos: Accounts, command: str) -> None:
    with duos:
        for words, sentence in (
            ((command,), "Choose an account with --account, from: acme, globex."),
            ((command, "--account", "duo"), "There is no account duo. Choose from: acme, globex."),
        ):
            result = run(*words)
            assert result.exit_code == 1
            assert result.stderr == f"Error: {sentence}\n"


def test_the_feed_of_an_account_is_below_its_prefix(duos: Accounts, bucket: Bucket) -> None:
    with duos:
        body = json.loads(run("feed", "--account", "globex").stdout)
    uri = body["details"]["amazonS3V2Settings"]["s3Uri"]
    assert uri == f"s3://{bucket.name}/duo-telephony/globex/"


def test_what_a_lambda_left_is_adopted_for_the_account_whose_feed_it_is(
    duos: Accounts, bucket: Bucket
) -> None:
    leave(bucket, "acme/telephony_1.json", lines([sent(settled_hour(3))]))
    with duos:
        result = run("adopt", "--account", "acme")
        nothing = run("adopt", "--account", "globex")
    assert '--select "acme/telephony_ndjson,acme/telephony_udm"' in result.output
    assert bucket.keys("duo-telephony-work/acme/adopted/duo-telephony/acme/")
    assert "There is no object of a Lambda" in nothing.output
