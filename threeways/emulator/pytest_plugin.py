"""pytest fixtures for any handler.

pytest finds them by itself where the package is installed; elsewhere `pytest_plugins =
["threeways.emulator.pytest_plugin"]` in conftest.py does. An example is in docs/event-source-mapping.md.
It is imported by every pytest of its environment: what the fixtures need is imported where they are used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from threeways.emulator.harness import Harness
    from threeways.emulator.server import Emulator


@pytest.fixture(scope="session")
def local_aws() -> Iterator[Emulator]:
    """Run the emulator on 127.0.0.1 for the whole session. Override it to share another."""
    from threeways.emulator.server import Emulator

    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def event_source_mapping(local_aws: Emulator) -> Iterator[Callable[..., Harness]]:
    """Return a factory of `Harness`, with its arguments except for the emulator; it ends with the test.

    An unhandled exception of a mapping's thread is raised at the end of the test.
    """
    from threeways.emulator.harness import Harness

    with ExitStack() as harnesses:
        yield lambda handler, **more: harnesses.enter_context(Harness(local_aws, handler, **more))
