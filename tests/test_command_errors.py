"""Errors name what the caller used: flags, or Make's variables; what is misspelt is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from threeways import __version__
from threeways.cli.errors import for_caller

ROOT = Path(__file__).parents[1]
OPTIONS = {"--rides": "RIDES", "--from": "FROM", "--to": "TO", "--n": "N", "--record-bytes": "BYTES"}


@pytest.mark.parametrize(
    ("message", "flags", "variables"),
    [
        ("RIDES=x.parquet: none", "--rides x.parquet: none", "RIDES=x.parquet: none"),
        ("RIDES=.local/x.csv: none", "--rides .local/x.csv: none", "RIDES=.local/x.csv: none"),
        ("RIDES: no file x", "--rides: no file x", "RIDES: no file x"),
        ("name another place, RIDES=", "name another place, --rides", "name another place, RIDES="),
        ("leave FROM= and TO= out", "leave --from and --to out", "leave FROM= and TO= out"),
        ("say what, FROM=…: a folder", "say what, --from…: a folder", "say what, FROM=…: a folder"),
        ("'--n': 'many' is none", "'--n': 'many' is none", "'N': 'many' is none"),
        ("give --record-bytes", "give --record-bytes", "give BYTES"),
        ("try `make train N=3 TO=x` or N=4", "try `make train N=3 TO=x` or --n 4", None),
        ("MODEL_LOCATION=x, TASK=y", "MODEL_LOCATION=x, TASK=y", "MODEL_LOCATION=x, TASK=y"),
        ("s3://b/TO=1/N is not there", "s3://b/TO=1/N is not there", "s3://b/TO=1/N is not there"),
        ("--notes and --number", "--notes and --number", "--notes and --number"),
    ],
)
def test_a_message_names_what_the_caller_used(message: str, flags: str, variables: str | None) -> None:
    assert for_caller(message, OPTIONS, by_make=False) == flags
    assert for_caller(message, OPTIONS, by_make=True) == (variables or message)


def test_a_message_outside_of_any_command_is_left_alone() -> None:
    assert for_caller("RIDES=x", {}, by_make=False) == "RIDES=x"


def called(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "threeways", *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_version_and_help_are_had_by_their_usual_flags() -> None:
    done = called("--version")
    assert (done.returncode, done.stdout) == (0, f"three-ways {__version__}\n")
    for arguments in (("-h",), ("run", "-h")):
        done = called(*arguments)
        assert done.returncode == 0
        assert "Usage: " in done.stdout


def test_an_error_speaks_of_flags_to_who_used_flags_and_of_variables_to_who_called_make() -> None:
    said = called("run", "--events", "nowhere.parquet")
    assert said.returncode == 2
    assert said.stderr.startswith("error: --events")
    assert called("run", "--n", "x").stderr.startswith("error: Invalid value for '--n'")
    made = called("run", "--events", "nowhere.parquet", THREEWAYS_MAKE="true")
    assert made.stderr.startswith("error: EVENTS")
    assert called("run", "--n", "x", THREEWAYS_MAKE="true").stderr.startswith("error: Invalid value for 'N'")


def test_a_folder_that_cannot_be_written_is_one_line_and_status_1(tmp_path: Path) -> None:
    (tmp_path / ".local").write_text("in the way")
    done = called("run", "--n", "9", cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


OF_MAKE = ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL")
"""What `make test ARGS=…` leaves to the makes that a test calls: its variables would be theirs."""


def make(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--dry-run", "--assume-old=.venv/.ready", *words],  # noqa: S607 - as a user calls it
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={name: value for name, value in os.environ.items() if name not in OF_MAKE},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        (("run", "RATES=5"), "'make run' takes no RATES; it takes N RATE"),
        (("torture", "RATE=5"), "'make torture' takes no RATE"),
        (("batch", "PREDICTION=x"), "'make batch' takes no PREDICTION"),
        (("web", "MODEL_LOCATON=x"), "takes no MODEL_LOCATON"),
        (("help", "N=3"), "it takes nothing"),
        (("run", "MODEL=a", "MODEL_LOCATION=b"), "are the same: give one of them"),
    ],
)
def test_a_variable_that_a_target_does_not_take_is_refused(words: tuple[str, ...], refused: str) -> None:
    done = make(*words)
    assert done.returncode == 2
    assert refused in done.stderr


def test_no_recipe_names_a_variable_that_a_person_can_give() -> None:
    import re

    text = (ROOT / "Makefile").read_text()
    fixed = {"PYTHON", "VENV", "PIPENV", "READY", "FIND_PYTHON"}
    for recipe in re.findall(r"^\t.*$", text, re.MULTILINE):
        if not recipe.startswith("\t$(foreach"):
            assert {*re.findall(r"(?<!\$)\$\(?(\w+|\S)", recipe)} - {"$", "@", "*"} <= fixed, recipe
    assert make("run", "RATE=5", "N=3", "TASK=t", "MODEL=m", "MLFLOW_TRACKING_URI=u").returncode == 0
    assert make("run", "SYSTEM=moderation", "MODERATION_POLICY=p.toml").returncode == 0
