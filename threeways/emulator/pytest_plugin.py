"""pytest fixtures for any Kinesis handler.

`pytest_plugins = ["threeways.emulator.pytest_plugin"]` in conftest.py; an example is in
docs/event-source-mapping.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from threeways.emulator.harness import Bench
from threeways.emulator.server import Emulator


@pytest.fixture(scope="session")
def local_aws() -> Iterator[Emulator]:
    """Kinesis, S3, SQS and SNS on 127.0.0.1, one for the whole session. Override it to share another."""
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def event_source_mapping(local_aws: Emulator) -> Iterator[Callable[..., Bench]]:
    """Makes a `Bench` for a handler, with `Bench`'s arguments but the emulator; it ends with the test.

    What a thread of a mapping raised, and the test did not see, is raised then.
    """
    with ExitStack() as benches:
        yield lambda handler, **more: benches.enter_context(Bench(local_aws, handler, **more))
