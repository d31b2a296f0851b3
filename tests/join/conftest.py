from __future__ import annotations

import pytest

from threeways.emulator.pytest_plugin import event_source_mapping
from threeways.emulator.server import Emulator

__all__ = ["event_source_mapping"]  # a fixture is found where it is imported


@pytest.fixture(scope="session")
def local_aws(emulator: Emulator) -> Emulator:
    return emulator
