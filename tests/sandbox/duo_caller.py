"""Call the emulated Duo with signatures of Duo's own client, and make records for it."""

import hashlib
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

import requests
from duo_client.client import normalize_params, sign

from duo_pipeline.sandbox.log import Record

IKEY = "DIXXXXXXXXXXXXXXXXXX"
SKEY = "a-secret-key-of-forty-characters-or-so--"
LOG = "/admin/v2/logs/telephony"
START = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Clock:
    """A clock that moves only when a test sets it."""

    def __init__(self) -> None:
        self.now = START + timedelta(hours=2)

    def __call__(self) -> datetime:
        return self.now


def millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


HOUR = {"mintime": millis(START), "maxtime": millis(START + timedelta(hours=1))}


def record(number: int, ts: str | None = None, **fields: Any) -> Record:
    """Return a record with the time START plus ``number`` seconds, or with the given ts."""
    return {
        "context": "authentication",
        "credits": 1,
        "phone": "+12125550100",
        "telephony_id": str(uuid.UUID(int=number)),
        "ts": ts or (START + timedelta(seconds=number)).isoformat(timespec="microseconds"),
        "txid": str(uuid.UUID(int=1_000_000 + number)),
        "type": "sms",
        **fields,
    }


class DuoCaller:
    """Calls the API at a URL with the signatures of Duo's own client."""

    def __init__(self, url: str, clock: Callable[[], datetime]) -> None:
        self.url = url
        self.clock = clock

    def get(
        self,
        path: str = LOG,
        params: dict[str, Any] | None = None,
        *,
        version: int = 5,
        digest: Any = hashlib.sha512,
        ikey: str = IKEY,
        skey: str = SKEY,
        with_port: bool = True,
        date: datetime | None = None,
        drop: str | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = 10,
    ) -> requests.Response:
        normal = normalize_params(
            {name: value if isinstance(value, list) else str(value) for name, value in (params or {}).items()}
        )
        host = self.url.removeprefix("http://")
        sent = {"Date": format_datetime(date or self.clock()), **(headers or {})}
        sent["Authorization"] = sign(
            ikey,
            skey,
            "GET",
            host if with_port else host.split(":")[0],
            path,
            sent["Date"],
            version,
            normal,
            body="",
            digestmod=digest,
            additional_headers=headers,
        )
        sent.pop(drop or "", None)
        return requests.get(
            f"{self.url}{path}?{urlencode(normal, doseq=True)}", headers=sent, timeout=timeout
        )

    def log(self, **params: Any) -> dict[str, Any]:
        """Return the response of the telephony log, by default for the hour of START."""
        answer = self.get(params={**HOUR, "sort": "ts:asc", "limit": 1000, **params})
        assert answer.status_code == 200, answer.text
        response: dict[str, Any] = answer.json()["response"]
        return response

    def pages(self, **params: Any) -> list[list[Record]]:
        """Return all pages, like a client that reads until a page is empty; at most 100 pages."""
        pages: list[list[Record]] = []
        for _ in range(100):
            response = self.log(**params)
            if not response["items"]:
                return pages
            pages.append(response["items"])
            offset = response["metadata"]["next_offset"]
            params["next_offset"] = ",".join(offset) if isinstance(offset, list) else offset
        raise AssertionError("The log did not end")

    def code(self, **params: Any) -> int:
        """Return the code of Duo's refusal."""
        answer = self.get(params=params)
        body = answer.json()
        assert body["stat"] == "FAIL"
        assert answer.status_code == body["code"] // 100
        return int(body["code"])
