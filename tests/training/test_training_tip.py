"""A second task of the system is trained, registered and found under its own name."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from threeways import artifact
from threeways.scoring import tasks
from threeways.systems.taxi.training import data
from threeways.training.registry import champion_of, resolve
from threeways.training.train import train


@pytest.mark.exhaustive
def test_the_tip_is_trained_on_card_rides_and_registered_under_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "CITY_TRAINING", (2021, 1, 6_000))
    monkeypatch.setattr(data, "CITY_VALIDATION", (2021, 2, 2_000))
    said = io.StringIO()
    report = train(console=Console(file=said, width=100), folder=tmp_path / ".local", task="ride_tip")
    assert report.rmse < report.baseline_rmse
    assert report.model_uri == "models:/ride-tip/1"
    assert "payment_type other than 1" in said.getvalue()
    assert "USD" in said.getvalue()
    figures = json.loads((tmp_path / ".local" / "last-train-ride_tip.json").read_text())
    assert figures["rmse"] == report.rmse
    found = resolve(champion_of("ride_tip"), folder=tmp_path / ".local")
    assert found == report.model
    assert resolve(champion_of("ride_duration"), folder=tmp_path / ".local") is None
    model = artifact.load(report.model.folder)
    artifact.check_task(model.info, "ride_tip")
    artifact.check(model, tasks.find("ride_tip").columns, {})
