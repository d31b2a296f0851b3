"""Small models are fitted on one thread: on a busy machine, several wait for each other longer than they work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True)
def _one_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    if "test_export" not in request.node.nodeid:
        yield
        return
    with threadpool_limits(1):
        yield
