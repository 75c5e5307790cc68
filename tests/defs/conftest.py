from collections.abc import Iterator

import dagster as dg
import pytest

from tests.defs.assets.dagster_run import DagsterRun


@pytest.fixture
def dagster(settings: pytest.MonkeyPatch) -> Iterator[DagsterRun]:  # noqa: ARG001 - they lead to Duo and S3
    with dg.DagsterInstance.ephemeral() as instance:
        yield DagsterRun(instance)
