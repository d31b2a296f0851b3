"""A bucket with a pointer, for each test its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from follow_lab import Life

from threeways.emulator.server import Emulator


@pytest.fixture
def life(
    emulator: Emulator, new_bucket: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Life:
    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    bucket = f"life-{uuid4().hex[:12]}"
    return Life(new_bucket(bucket), bucket, tmp_path)
