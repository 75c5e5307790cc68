import json
import re
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
import requests

from duo_pipeline.config import settings
from duo_pipeline.config.account import DEFAULT_ACCOUNT
from duo_pipeline.config.accounts_file import accounts
from duo_pipeline.config.settings import DuoSettings
from duo_pipeline.defs.partitions import last_settled
from duo_pipeline.sandbox.knobs import Fault, Knobs
from duo_pipeline.sandbox.log import FixedLog
from duo_pipeline.sandbox.sandbox import Sandbox

from .duo_caller import HOUR, START, DuoCaller, record


def test_the_environment_points_to_a_duo_and_an_s3_that_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = FixedLog([record(0), record(1)])
    with Sandbox(tmp_path, log=log, knobs=Knobs(faults=(Fault("503"),))) as sandbox:
        environment = sandbox.environment
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        sandbox.api.clock = lambda: START.replace(hour=14)

        assert re.fullmatch(r"DI[A-Z0-9]{18}", environment["DUO_IKEY"])
        duo = DuoCaller(environment["DUO_API_HOST"], sandbox.api.clock)
        keys = {"ikey": environment["DUO_IKEY"], "skey": environment["DUO_SKEY"]}
        assert duo.get(params=HOUR, **keys).status_code == 503  # type: ignore[arg-type]
        assert len(duo.get(params=HOUR, **keys).json()["response"]["items"]) == 2  # type: ignore[arg-type]

        boto3.Session().client("s3").put_object(Bucket=environment["S3_BUCKET"], Key="key", Body=b"body")
        assert json.loads(requests.get(f"{sandbox.duo_url}/sandbox/requests", timeout=10).text)["total"] == 2

    with pytest.raises(requests.ConnectionError):
        requests.get(f"{sandbox.duo_url}/sandbox/requests", timeout=10)


def test_the_sandbox_can_be_entered_again_and_keeps_its_objects(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    with sandbox:
        sandbox.s3.client().put_object(Bucket=sandbox.bucket, Key="key", Body=b"body")
    with sandbox:
        found = sandbox.s3.client().get_object(Bucket=sandbox.bucket, Key="key")
        assert found["Body"].read() == b"body"


def test_an_accounts_file_in_the_environment_is_replaced(tmp_path: Path) -> None:
    environment = {"DUO_ACCOUNTS_FILE": "/etc/real-accounts.yaml", **Sandbox(tmp_path).environment}
    assert accounts(environment) == [DEFAULT_ACCOUNT]


def test_its_accounts_have_their_own_logs_and_keys_and_an_accounts_file(tmp_path: Path) -> None:
    with Sandbox(tmp_path, account_names=["acme", "globex"]) as sandbox:
        environment = sandbox.environment
        acme, globex = accounts(environment)
        duos = [settings.parse(DuoSettings, one.texts(environment), one) for one in (acme, globex)]
        assert [duo.host.url for duo in duos] == list(sandbox.accounts.urls.values())
        assert {duo.ikey for duo in duos} == {api.integration_key for api in sandbox.accounts.apis.values()}
    logs = [api.log.placed(START.replace(minute=0)) for api in sandbox.accounts.apis.values()]
    assert logs[0] != logs[1]


def test_the_schedule_leaves_none_of_its_hours_out(tmp_path: Path) -> None:
    hours = settings.hours(Sandbox(tmp_path).environment)
    settled = last_settled(hours, datetime.now(UTC), hours.lookback_hours)
    assert hours.start == settled[0]
    assert len(settled) >= hours.lookback_hours - 1
