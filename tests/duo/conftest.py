import pytest

from tests.duo.wire import Machine


@pytest.fixture
def machine() -> Machine:
    return Machine()
