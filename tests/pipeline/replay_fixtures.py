"""A function for each test of a replay, on the emulator that commands find, too."""

from __future__ import annotations

import pytest
from replay_lab import Lab

from threeways.emulator.server import Emulator


@pytest.fixture
def lab(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Lab:
    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    return Lab(emulator)
