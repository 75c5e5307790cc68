"""An emulated SecOps over HTTP."""

from collections.abc import Iterator

import pytest

from duo_pipeline.sandbox.serving import serve
from duo_pipeline.secops.receipts import HOUR
from tests.secops.world import URI, World


@pytest.fixture
def world() -> Iterator[World]:
    """A feed in memory, and the emulated SecOps with one feed that reads it since long ago."""
    made = World()
    made.api.add_feed(URI, since=made.now - HOUR * 24 * 200)
    with serve(made.api) as url:
        made.url = url
        yield made
