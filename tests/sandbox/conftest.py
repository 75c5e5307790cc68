import pytest

from duo_pipeline.sandbox.admin_api import AdminApi
from duo_pipeline.sandbox.log import FixedLog
from tests.conftest import Stage

from .duo_caller import IKEY, SKEY, Clock, DuoCaller, record


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
