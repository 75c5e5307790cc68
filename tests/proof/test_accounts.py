"""Many accounts: each has its own feed, and the failures of one do not concern the others."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from duo_pipeline.config import settings
from duo_pipeline.config.account import Account
from duo_pipeline.config.accounts_file import accounts
from duo_pipeline.defs.partitions import HOUR, hours_between
from duo_pipeline.defs.pipeline import Pipeline, pipeline
from duo_pipeline.defs.schedules import run_request
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.sandbox.accounts import Accounts
from duo_pipeline.sandbox.admin_api import AdminApi
from duo_pipeline.sandbox.knobs import Fault, Knobs
from duo_pipeline.sandbox.log import GeneratedLog, Log
from duo_pipeline.sandbox.serving import serve
from tests.records import IKEY, SKEY, settled_hour

LAST = settled_hour(1)
FIRST = LAST - 5 * HOUR


@dataclass
class Estate:
    """The pipelines of some accounts. Each is run separately."""

    environ: dict[str, str]
    bucket: Bucket
    instance: dg.DagsterInstance

    def accounts(self) -> dict[str, Account]:
        return {account.name: account for account in accounts(self.environ)}

    def run(self, name: str) -> dg.ExecuteInProcessResult:
        """Run an account's job for the hours."""
        account = self.accounts()[name]
        made: Pipeline = pipeline(account, self.environ, lambda: datetime.now(UTC))
        return made.definitions.resolve_job_def(account.job).execute_in_process(
            instance=self.instance, tags=run_request(FIRST, LAST).tags, raise_on_error=False
        )

    def landed(self, name: str) -> list[dict[str, Any]]:
        """Return the lines of an account's feed."""
        feed = settings.feed(self.environ, self.accounts()[name])
        keys = self.bucket.keys(feed.prefix)
        return [json.loads(line) for key in keys for line in self.bucket.lines(key)]

    def is_whole(self, name: str, log: Log) -> bool:
        """Return whether the account's feed has each record of its log, once, and no other."""
        shown = Counter(
            placed.item["telephony_id"] for hour in hours_between(FIRST, LAST) for placed in log.placed(hour)
        )
        return shown.total() > 0 and shown == Counter(line["telephony_id"] for line in self.landed(name))


@pytest.fixture
def estate(settings: pytest.MonkeyPatch, bucket: Bucket) -> Iterator[Estate]:
    settings.setenv("DUO_RETRY_ATTEMPTS", "2")
    with dg.DagsterInstance.ephemeral() as instance:
        yield Estate(os.environ, bucket, instance)  # type: ignore[arg-type] # it is a mapping of texts


@pytest.fixture
def duos(tmp_path: Path, settings: pytest.MonkeyPatch) -> Iterator[Accounts]:
    with Accounts(["acme", "globex", "initech"], tmp_path / "accounts.yaml") as duos:
        for name, value in duos.environment.items():
            settings.setenv(name, value)
        yield duos


def test_each_account_lands_in_a_feed_of_its_own(estate: Estate, duos: Accounts) -> None:
    for name, duo in duos.apis.items():
        assert estate.run(name).success
        assert estate.is_whole(name, duo.log)
        assert {line["host"] for line in estate.landed(name)} == {"127.0.0.1"}
    uri = {key.split("/")[1] for key in estate.bucket.keys("duo-telephony/")}
    assert uri == {"acme", "globex", "initech"}
    assert {key.split("/")[1] for key in estate.bucket.keys("duo-telephony-work/")} == uri


def test_neither_a_bad_key_nor_a_rate_limit_of_one_account_touches_another(
    estate: Estate, duos: Accounts, settings: pytest.MonkeyPatch
) -> None:
    settings.setenv("DUO_SKEY_ACME", "somebody-has-mistyped-this")
    duos.apis["globex"].knobs = Knobs(faults=(Fault(kind="429", times=1000),))
    assert not estate.run("acme").success
    assert not estate.run("globex").success
    assert estate.run("initech").success
    assert duos.apis["acme"].statuses == {401: 1}
    assert duos.apis["globex"].statuses == {429: 2}
    assert estate.landed("acme") == estate.landed("globex") == []
    assert estate.is_whole("initech", duos.apis["initech"].log)


def test_a_variable_that_is_missing_is_named_in_the_failure(
    estate: Estate, duos: Accounts, settings: pytest.MonkeyPatch
) -> None:
    settings.delenv("DUO_IKEY_INITECH")
    failed = estate.run("initech")
    (failure,) = failed.get_step_failure_events()
    said = failure.step_failure_data.user_failure_data
    assert said is not None
    assert "DUO_IKEY_INITECH is not set" in (said.description or "")
    assert duos.apis["initech"].statuses.total() == 0


def test_children_of_a_parent_are_read_with_the_parents_key_each_into_its_own_feed(
    estate: Estate, settings: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    children = {"DACHILD1": GeneratedLog("one"), "DACHILD2": GeneratedLog("two")}
    parent = AdminApi(IKEY, SKEY, log=GeneratedLog("parent"), children=children)
    with serve(parent) as url:
        entries = [
            f"- {{name: {name}, host: '{url}', ikey_variable: DUO_IKEY, skey_variable: DUO_SKEY{child}}}"
            for name, child in (
                ("parent", ""),
                ("one", ", account_id: DACHILD1"),
                ("two", ", account_id: DACHILD2"),
            )
        ]
        file = tmp_path / "accounts.yaml"
        file.write_text("accounts:\n" + "\n".join(entries))
        settings.setenv("DUO_ACCOUNTS_FILE", str(file))
        for name, log in (
            ("parent", parent.log),
            ("one", children["DACHILD1"]),
            ("two", children["DACHILD2"]),
        ):
            assert estate.run(name).success
            assert estate.is_whole(name, log)
