"""docs/accounts.md, held against the project."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from duo_pipeline.cli import main
from duo_pipeline.config import settings
from duo_pipeline.config.account import DEFAULT_ACCOUNT, Account
from duo_pipeline.config.accounts_file import accounts
from tests.docs.conftest import TOP

TEXT = (TOP / "docs" / "accounts.md").read_text()
MANY, ONE = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
ENVIRON = {"S3_BUCKET": "b"}


def read(text: str, folder: Path, **environ: str) -> list[Account]:
    file = folder / "accounts.yaml"
    file.write_text(text)
    return accounts({**environ, "DUO_ACCOUNTS_FILE": str(file)})


def test_its_example_shows_each_setting_and_is_taken(tmp_path: Path) -> None:
    acme, globex, initech = read(MANY, tmp_path)
    assert acme.variables == {"ikey": "ACME_DUO_IKEY", "skey": "ACME_DUO_SKEY"}
    assert globex.given["secret"] == "duo-telephony/globex"
    assert initech.given["account_id"] == "DAXXXXXXXXXXXXXXXXXX"
    shown = set(re.findall(r"^(?:  - |    )(\w+):", MANY, re.MULTILINE))
    with pytest.raises(settings.SettingsError) as caught:
        read(f"accounts: [{{{', '.join(f'{setting}: 0' for setting in shown)}}}]", tmp_path)
    assert str(caught.value).count(" must be ") == len(shown) == 10


def test_the_names_of_an_account_are_those_that_it_says(tmp_path: Path) -> None:
    acme, globex, initech = read(MANY, tmp_path)
    of_secops = (acme.receipts_job, acme.secops_resource, "acme/secops_events")
    for name in (
        acme.job,
        acme.hourly_schedule,
        acme.reconcile_job,
        acme.pool,
        *of_secops,
        "acme/telephony_ndjson",
        "acme/telephony_udm",
    ):
        assert f"`{name}`" in TEXT
    feed = settings.feed(ENVIRON, acme)
    assert f"`s3://…/{feed.prefix}`" in TEXT
    assert f"`s3://…/{feed.work_prefix}`" in TEXT
    assert f"duo-telephony/{initech.name}/" in MANY
    assert settings.feed(ENVIRON, globex).prefix == "duo-telephony/globex/"


def test_the_one_account_keeps_its_assets_and_its_feed_in_a_file(tmp_path: Path) -> None:
    (duo,) = read(ONE, tmp_path)
    assert duo.name == DEFAULT_ACCOUNT.name
    assert settings.feed(ENVIRON, duo) == settings.feed(ENVIRON)


def test_another_one_beside_it_needs_other_prefixes(tmp_path: Path) -> None:
    text = f"{ONE}  - {{name: acme, host: api-b.duosecurity.com, secret: s}}\n"
    with pytest.raises(settings.SettingsError, match="lies below the prefix of duo"):
        read(text, tmp_path)
    assert len(read(text, tmp_path, S3_PREFIX="duo/feeds", S3_WORK_PREFIX="duo/work")) == 2


def test_its_commands_are_known() -> None:
    commands = re.findall(r"duo-pipeline (\w+) (--\w+)", TEXT)
    assert commands
    for command, option in commands:
        assert option in CliRunner().invoke(main, [command, "--help"]).output, (command, option)
