"""A network whose answers a test writes, and a clock that advances only with the client's sleeps."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import requests
import urllib3
from requests.adapters import BaseAdapter

from duo_pipeline.duo.admin_api import AdminApi
from duo_pipeline.duo.host import api_host
from tests.records import IKEY, SKEY

HOST = api_host("api-1.duosecurity.com")
PATH = "/admin/v2/logs/telephony"
NOW = 1_666_714_185.0
OK: dict[str, Any] = {"stat": "OK", "response": {"items": []}}


@dataclass
class Answer:
    status: int = 200
    body: Any = field(default_factory=lambda: OK)
    headers: dict[str, str] = field(default_factory=dict)


def fail(
    code: int, *, status: int | None = None, headers: dict[str, str] | None = None, **words: str
) -> Answer:
    body = {"stat": "FAIL", "code": code, **words}
    return Answer(code // 100 if status is None else status, body, headers or {})


class Wire(BaseAdapter):
    """Replaces the network: returns one answer after the other, and records the requests."""

    def __init__(self, *answers: Answer | Exception) -> None:
        super().__init__()
        self.answers = list(answers)
        self.requests: list[requests.PreparedRequest] = []
        self.options: list[Mapping[str, Any]] = []

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        self.requests.append(request)
        self.options.append(options)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update(answer.headers)
        response.request = request
        response.url = str(request.url)
        response.raw = urllib3.HTTPResponse(BytesIO(body), headers=answer.headers, preload_content=False)
        return response

    def close(self) -> None:
        pass


@dataclass
class Machine:
    """A clock that advances with each sleep, and the list of sleeps."""

    now: float = NOW
    slept: list[float] = field(default_factory=list)
    waits: list[tuple[str, float]] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def time(self) -> float:
        return self.now

    def api(self, wire: Wire, **options: Any) -> AdminApi:
        session = requests.Session()
        session.mount("https://", wire)
        chosen = {"jitter": lambda: 0.0, "retry_base_seconds": 30.0, "retry_attempts": 8, **options}
        return AdminApi(
            HOST,
            ikey=IKEY,
            skey=SKEY,
            session=session,
            clock=self.time,
            sleep=self.sleep,
            on_wait=lambda reason, seconds: self.waits.append((reason, seconds)),
            **chosen,
        )
