"""An account for each test, of one server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cloud import Cloud
from deploy_lab import Lab
from small_training import Training


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with Cloud(tmp_path_factory.mktemp("cloud") / "log") as running:
        yield running


@pytest.fixture
def lab(cloud: Cloud, training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    cloud.reset()
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)
    made = Lab(cloud, tmp_path, training.folder)
    with made.consumer:
        yield made
