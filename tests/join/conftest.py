from __future__ import annotations

from collections.abc import Iterator

import pytest
from join_world import Cloud, World

from threeways.emulator.faults import FaultProxy
from threeways.emulator.pytest_plugin import event_source_mapping
from threeways.emulator.server import Emulator

__all__ = ["event_source_mapping"]  # a fixture is found where it is imported


@pytest.fixture(scope="session")
def local_aws(emulator: Emulator) -> Emulator:
    return emulator


@pytest.fixture(scope="session")
def cloud(emulator: Emulator) -> Iterator[Cloud]:
    with FaultProxy(emulator.endpoint_url) as proxy:
        yield Cloud(emulator, proxy)


@pytest.fixture
def world(cloud: Cloud) -> World:
    return World(cloud)
