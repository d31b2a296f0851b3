"""A second consumer's model, without a training of its own."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from threeways.training.registry import RegisteredModel


def tip_model(duration: RegisteredModel, folder: Path) -> RegisteredModel:
    """A model of the tips: that of the durations under its name."""
    shutil.copytree(duration.folder, folder)
    named = folder / "MLmodel"
    assert "task: ride_duration" in named.read_text()
    named.write_text(named.read_text().replace("task: ride_duration", "task: ride_tip"))
    golden = folder / "golden.json"
    golden.write_text(golden.read_text().replace('"task": "ride_duration"', '"task": "ride_tip"'))
    return replace(duration, folder=folder, uri="models:/ride-tip/1")
