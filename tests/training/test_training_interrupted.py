"""Trainings that are killed, or meet another one."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from small_training import Training

from threeways.settings import inherited_environment
from threeways.training.lock import exclusive
from threeways.training.registry import champion_of, resolve
from threeways.training.tracking import connect, store_of

_HANGS_BEFORE_REGISTERING = """
import sys, time
from pathlib import Path
from rich.console import Console
from threeways.training import train as module

def hang(*_):
    print("reached", file=sys.stderr, flush=True)
    time.sleep(300)

module.register = hang
module.train(*sys.argv[2:], console=Console(quiet=True), folder=Path(sys.argv[1]))
"""


@pytest.mark.exhaustive
def test_a_training_that_is_killed_leaves_the_alias_where_it_was_and_the_next_one_goes_on(
    training: Training,
    tmp_path: Path,
) -> None:
    folder = tmp_path / ".local"
    folder.mkdir()
    shutil.copy(training.folder / "mlflow.db", folder / "mlflow.db")
    script = [sys.executable, "-c", _HANGS_BEFORE_REGISTERING]
    command = [*script, str(folder), training.data, training.validation]
    environment = inherited_environment() | {"PYTHONPATH": str(Path(__file__).parents[2])}
    waiting = threading.Event()
    second = threading.Thread(target=_take, args=(folder / "train.lock", waiting))
    # S603: the command is this test's own.
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as first:
        try:
            assert first.stderr is not None
            assert any("reached" in line for line in first.stderr)
            second.start()
            assert waiting.wait(60)
        finally:
            first.kill()
    second.join(60)
    assert not second.is_alive()
    before = replace(training.report.model, trained_here=False)  # its files lie below another folder
    assert resolve(champion_of("ride_duration"), folder=folder) == before
    assert len(connect(store_of(folder)).search_runs(["1", "2"])) == 2  # the killed one harms nothing
    assert not (folder / "last-train.json").exists()


def test_a_free_lock_is_taken_at_once_and_given_back(tmp_path: Path) -> None:
    waiting = threading.Event()
    for _ in range(2):
        _take(tmp_path / "new" / "train.lock", waiting)
    assert not waiting.is_set()


def _take(file: Path, waiting: threading.Event) -> None:
    with exclusive(file, waiting.set):
        pass
