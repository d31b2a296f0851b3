"""A folder with a model of another task, and the commands run there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from second_task import checkout, tip_model
from small_training import Training
from typer.testing import CliRunner

from threeways import systems
from threeways.cli.app import app
from threeways.errors import ThreewaysError
from threeways.systems import taxi as taxi_system

TIP = {"TASK": "tip_amount"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkout(tmp_path_factory.mktemp("second task"))


@pytest.fixture(scope="module")
def tip(folder: Path) -> Path:
    return tip_model(folder / "tip")


@pytest.fixture
def tip_here(folder: Path, training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    """The further tasks in this process, in a folder with a registered model."""
    taxi = folder / "threeways" / "systems" / "taxi"
    monkeypatch.setattr(systems, "__path__", [str(taxi.parent)])
    monkeypatch.setattr(taxi_system, "__path__", [str(taxi)])
    monkeypatch.chdir(training.folder.parent)


def invoked(*arguments: str, **environment: str) -> Any:
    return CliRunner().invoke(app, arguments, env=environment)


def refused(*arguments: str, **environment: str) -> str:
    done = invoked(*arguments, **environment)
    assert isinstance(done.exception, ThreewaysError), done.output
    return str(done.exception)


def process(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "threeways", *arguments],
        cwd=folder,
        env=os.environ | {"COLUMNS": "200"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
