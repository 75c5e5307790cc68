"""Numbers hidden in anything that Duo or a foreign object says: none reaches people.

2,000 generated texts, in ten fields, go through real runs over a real S3 server into a Dagster instance on
disk. Afterwards every byte that Dagster has kept, every check and every alert is searched for them.
"""

import random
import re
import sqlite3
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs.alerts.evaluation import AlertEvaluation, WatchedAccount
from duo_pipeline.defs.alerts.incidents import Memory
from duo_pipeline.defs.days import daily
from duo_pipeline.landing import hour as landing_hour
from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.landing.keys import hour_folder
from duo_pipeline.sandbox import errors
from duo_pipeline.sandbox.log import FixedLog
from tests.adoption.lambda_files import leave
from tests.conftest import ServedDuo
from tests.defs.assets.dagster_run import UDM, DagsterRun, failure_of
from tests.records import Sent, sent, settled_hour
from tests.test_masking import AROUND, DIGITS, SEPARATORS

TEXTS = 2_000
FIELDS = ("phone", "ts", "credits", "telephony_id", "txid", "type", "context", "host", "carrier", "key")
_ESCAPE = re.compile(r"\\+u([0-9a-fA-F]{4})")
_HARMLESS = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,64}|\(U\+[0-9A-F]{4,6}\)"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*"
)
"""Ids, hashes, code points and times, which are no numbers of people."""


class Hidden:
    """Makes texts with numbers in them; each number has the same seven digits in it."""

    DIGITS = "9186427"

    def __init__(self) -> None:
        self._choose = random.Random(12)

    def number(self) -> str:
        before = "".join(self._choose.choices("123", k=self._choose.randint(0, 4)))
        return f"{before}{self.DIGITS}{self._choose.randint(0, 9)}"

    def text(self) -> str:
        digits = self._choose.choice(DIGITS)
        written = self._choose.choice(SEPARATORS).join(digits[int(one)] for one in self.number())
        return self._choose.choice(AROUND).replace("{}", written)

    @classmethod
    def is_in(cls, kept: str) -> str | None:
        """Return where five of the digits follow each other in a text, however they are written, or None."""
        text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), kept)
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        text = _HARMLESS.sub("x", text)
        text = "".join(str(unicodedata.digit(one, one)) for one in text if one.isalnum())
        windows = (cls.DIGITS[start : start + 5] for start in range(len(cls.DIGITS) - 4))
        places = (text.find(window) for window in windows)
        return next((text[max(0, place - 60) : place + 60] for place in places if place >= 0), None)


def records(hour: datetime, hidden: Hidden) -> Iterator[Sent]:
    """Yield records of an hour, each with a hidden number in one of the ten fields."""
    for number in range(TEXTS):
        at = hour + timedelta(seconds=1 + number)
        match FIELDS[number % len(FIELDS)]:
            case "ts":
                yield sent(at, isotimestamp=sent(at)["ts"], ts=hidden.text())
            case "credits":
                yield sent(at, credits=int(hidden.number()) if number % 20 < 10 else hidden.text())
            case "key":
                yield sent(at, **{hidden.text(): hidden.text()})
            case field:
                yield sent(at, **{field: hidden.text()})


@pytest.fixture
def kept(tmp_path: Path, settings: pytest.MonkeyPatch) -> Iterator[tuple[DagsterRun, Path]]:  # noqa: ARG001
    """Runs whose Dagster instance is on disk, in a folder of its own."""
    home = tmp_path / "dagster"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        yield DagsterRun(instance), home


def everything_in(folder: Path) -> str:
    """Return every byte below a folder as text, and each value of its databases."""
    texts = [file.read_bytes().decode(errors="replace") for file in folder.rglob("*") if file.is_file()]
    for file in folder.rglob("*.db"):
        with sqlite3.connect(file) as database:
            tables = [
                name for (name,) in database.execute("select name from sqlite_master where type='table'")
            ]
            texts += [str(row) for name in tables for row in database.execute(f"select * from [{name}]")]
    return "\n".join(texts)


def messages_of(dagster: DagsterRun, since: float) -> str:
    """Return the text of every alert about what has happened since then."""
    now = datetime.now(UTC) + timedelta(hours=3)
    hours = HourSettings(
        dagster.start, settle_minutes=5, lookback_hours=6, reconcile_hours=4, reconcile_weekly_hours=0
    )

    @dg.asset(key=["duo", "telephony_usage"], partitions_def=daily(dagster.start))
    def usage() -> None: ...

    watched = WatchedAccount(dagster.ndjson, dagster.udm, usage, hours)
    evaluation = AlertEvaluation(dagster.instance, [watched], "http://127.0.0.1", now)
    memory, texts = Memory(since, 0), []
    while message := evaluation.next_message(memory):
        texts.append(f"{message.subject}\n{message.text}")
    return "\n".join(texts)


def test_no_digit_of_a_hidden_number_reaches_dagster(
    kept: tuple[DagsterRun, Path],
    duo: ServedDuo,
    bucket: Bucket,
    settings: pytest.MonkeyPatch,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    dagster, home = kept
    hidden, hour, before = Hidden(), settled_hour(2), datetime.now(UTC).timestamp() - 60
    duo.api.log = FixedLog(list(records(hour, hidden)))
    for name in (f"+{hidden.number()}.txt", f"{hidden.number()}/a.json", f"x {hidden.number()}"):
        leave(bucket, f"{hour_folder(hour)}{name}", f"{hidden.text()}\n".encode())
    dagster.run(hour)
    (figures,) = dagster.events(hour)
    assert figures["records"] > TEXTS * 0.8
    (udm,) = dagster.events(hour, UDM)
    assert udm["findings"] > TEXTS / 2
    settings.setenv("DUO_SKEY", "another-skey")
    monkeypatch.setitem(errors.MESSAGES, 40103, hidden.text())
    assert "•" in failure_of(dagster.run(hour, only=[dagster.ndjson]))
    alerts = messages_of(dagster, before)
    assert "in_place" in alerts
    out, err = capfd.readouterr()
    for place, text in {"Dagster": everything_in(home), "alerts": alerts, "output": out + err}.items():
        assert hidden.is_in(text) is None, place


def test_no_value_that_an_unexpected_error_quotes_reaches_dagster(
    kept: tuple[DagsterRun, Path],
    duo: ServedDuo,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    dagster, home = kept
    hour = settled_hour()
    duo.api.log = FixedLog([sent(hour)])

    def fail(record: dict[str, Any]) -> bytes:
        try:
            int(record["phone"] + "x")
        except ValueError:
            raise KeyError(record["phone"]) from None
        raise AssertionError

    monkeypatch.setattr(landing_hour, "fingerprint", fail)
    result = dagster.run(hour)
    assert not result.success
    alerts = messages_of(dagster, hour.timestamp())
    assert "Unexpected error in duo-pipeline (KeyError)" in alerts
    out, err = capfd.readouterr()
    stored = everything_in(home)
    assert "KeyError" in stored
    assert "in fail" in stored  # the traceback is kept: it shows where to fix the error
    assert "3125550123" not in stored + alerts + out + err
