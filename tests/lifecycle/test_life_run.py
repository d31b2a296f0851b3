"""The whole loop of `make run LIFE=1`: it closes because the figures say so, and Ctrl-C ends it cleanly."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console
from small_training import Training

from threeways.local_run.life.pipeline import COUNT, RATE, run_life
from threeways.settings import Settings
from threeways.systems.taxi import life
from threeways.systems.taxi.trips import city_map
from threeways.training.registry import RegisteredModel, champion_of, resolve

pytestmark = pytest.mark.exhaustive
ROOT = Path(__file__).parents[2]


@pytest.fixture
def local(training: Training, tmp_path: Path) -> Path:
    """A copy of a checkout's `.local` with a champion."""
    return shutil.copytree(training.folder, tmp_path / ".local")


def test_the_loop_closes_and_loses_nothing(local: Path) -> None:
    said = io.StringIO()

    def champion() -> RegisteredModel:
        found = resolve(champion_of("ride_duration"), local)
        assert found is not None
        return found

    console = Console(file=said, width=80)
    ledger, failed = run_life(Settings(), COUNT, RATE, champion, console, local)
    assert failed is None, said.getvalue()
    figures = json.loads((local / "last-life.json").read_text())
    assert ledger.lost == figures["lost"] == 0
    assert (figures["swaps"], figures["refused"], figures["unknown_version"]) == (1, 0, 0)
    assert sum(figures["versions"].values()) == ledger.predicted == ledger.sent
    assert len(figures["versions"]) == 2
    assert figures["rmse_after_change"] > figures["rmse_before_change"] + 1
    assert figures["rmse_after_promote"] < figures["rmse_after_change"] - 0.3
    assert 0 < figures["alarm_after"] < 1_500
    assert json.loads((local / "last-run.json").read_text())["lost"] == 0
    assert (local / "last-life.png").read_bytes().startswith(b"\x89PNG")
    # The zones that it names are ends of many rides across the bridges.
    bridged = city_map.draw(2021).bridged
    named = [int(one) - 1 for one in figures["drifted"]]
    assert len(named) >= 3
    beyond = [zone for zone in named if bridged[zone].sum() > bridged.shape[0] / 2]
    assert len(beyond) >= len(named) / 3
    assert life.load(20_000).times[0] < life.CLOSED


def test_ctrl_c_ends_it_with_a_ledger_and_leaves_no_process(local: Path) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "threeways", "run", "--life"],
        cwd=local.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert running.stdout is not None
    lines: list[str] = []
    for line in running.stdout:
        lines.append(line)
        if "closed 1" in line or "closed 2" in line:
            break
    os.kill(running.pid, signal.SIGINT)
    rest = running.stdout.read()
    assert running.wait(120) == 130, "".join(lines) + rest
    assert "lost 0" in rest
    time.sleep(0.5)
    with pytest.raises(ProcessLookupError):
        os.killpg(running.pid, 0)
