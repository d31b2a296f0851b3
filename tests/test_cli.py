"""The command line as a whole: one module a command, and quick help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from threeways.cli import app as cli

ROOT = Path(__file__).parents[1]
HEAVY = {
    "boto3",
    "litestar",
    "matplotlib",
    "mlflow",
    "moto",
    "numpy",
    "pandas",
    "pyarrow",
    "sklearn",
    "sqlalchemy",
}
IMPORTED = "import sys, threeways.cli.app; print(*sys.modules)"


def test_each_command_has_a_module_of_its_own() -> None:
    for command in [one for commands in cli.COMMANDS.values() for one in commands]:
        assert command.__module__ == f"threeways.cli.{command.__name__}"


def test_no_command_s_packages_are_imported_before_it_runs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not HEAVY & {*done.stdout.split()}
