from collections.abc import Iterator

import pytest
from starlette.types import Receive, Scope, Send

from duo_pipeline.sandbox.admin_api import AdminApi
from duo_pipeline.sandbox.log import FixedLog
from duo_pipeline.sandbox.serving import serve

from .duo_caller import IKEY, SKEY, Clock, DuoCaller, record


class Stage:
    """Serves the app of the current test, because starting a server takes longer than a test."""

    api: AdminApi
    url: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.api(scope, receive, send)


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    stage = Stage()
    with serve(stage) as stage.url:
        yield stage


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def api(stage: Stage, clock: Clock) -> AdminApi:
    """Return an API with 25 records, one per second from START."""
    stage.api = AdminApi(IKEY, SKEY, log=FixedLog(record(n) for n in range(25)), clock=clock)
    return stage.api


@pytest.fixture
def duo(api: AdminApi, stage: Stage, clock: Clock) -> DuoCaller:
    assert stage.api is api
    return DuoCaller(stage.url, clock)
