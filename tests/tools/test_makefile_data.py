"""What a person gives `make` is data: no shell reads it and no expansion of make's."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_command_errors import OF_MAKE

from threeways import settings

sys.path.append(str(Path(__file__).parents[2] / "tools"))
import run_tests

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Makefile").read_text()
TAKES = {
    target: tuple(names.split())
    for target, names in re.findall(r"^TAKES_([\w-]+) := (.*)$", TEXT, re.MULTILINE)
}
DEFINED = sorted({*re.findall(r"^(?:override |export )*([\w.-]+) (?:[:?]?=)", TEXT, re.MULTILINE)})
[ENVIRONMENT] = re.findall(r"^override ENVIRONMENT := ((?:.*\\\n)*.*)$", TEXT, re.MULTILINE)
SETTINGS = sorted(name.replace("%", "X") for name in re.findall(r"[A-Z][A-Z0-9_%]+", ENVIRONMENT))
TARGETS = sorted({*re.findall(r"^([a-z][a-z-]*):.*## ", TEXT, re.MULTILINE)} - {"clean"})
HOSTILE = (
    "x'; touch pwn1; '\" \"; touch pwn2; $(shell touch pwn3) $(file >pwn4) `touch pwn5` $$(touch pwn6) "
    "$(eval $(shell touch pwn7)) pa$word ${HOME} $x # \\ %&|<>()=,:\ttouch pwn8\ntouch pwn9 é"
)
STUB = """#!{python} -SE
import json, os, sys
with open("called", "a") as file:
    file.write(json.dumps([sys.argv, dict(os.environ)]) + "\\n")
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with this Makefile, where all that a recipe calls writes down what it was given."""
    tools = ("sam", "checkov", "workflows", "audit", "lock")
    for name in (
        "Pipfile",
        "Pipfile.lock",
        "tools/setup_tool.py",
        *(f"tools/locks/{one}.txt" for one in tools),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for name in ("python", "lint-imports"):
        (tmp_path / ".venv/bin" / name).write_text(STUB.format(python=sys.executable))
        (tmp_path / ".venv/bin" / name).chmod(0o755)
    for venv in (".venv", *(f".venv-{one}" for one in tools)):
        (tmp_path / venv).mkdir(exist_ok=True)
        (tmp_path / venv / ".ready").touch()
    (tmp_path / ".venv/.spark").touch()
    shutil.copy(ROOT / "Makefile", tmp_path)
    return tmp_path


def make(
    checkout: Path, *words: str, **environment: str
) -> tuple[int, str, list[tuple[list[str], dict[str, str]]]]:
    """Run make for real; its exit status, what it said, and each call of a program."""
    (checkout / "called").unlink(missing_ok=True)
    kept = {name: value for name, value in os.environ.items() if name not in OF_MAKE}
    done = subprocess.run(
        ["make", *words],  # noqa: S607 - as a user calls it
        cwd=checkout, env=kept | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not [*checkout.glob("**/pwn*")], (words, environment)
    called = checkout / "called"
    calls = [json.loads(line) for line in called.read_text().splitlines()] if called.exists() else []
    return done.returncode, done.stderr, calls


@pytest.mark.parametrize("way", ["on make's command line", "in the environment"])
def test_each_variable_of_each_target_arrives_as_it_was_given(way: str, checkout: Path) -> None:
    names = sorted({name for names in TAKES.values() for name in names} - {"RIDES"})  # EVENTS' older name
    given = {name: HOSTILE + name for name in names}
    words = [f"{name}={value}" for name, value in given.items()]
    goals = ("--keep-going", *TARGETS)  # `wheel` looks for one, which is not here
    _, _, calls = make(checkout, *goals, *words) if "line" in way else make(checkout, *goals, **given)
    assert len(calls) >= len(TARGETS) - 2  # all but help and setup
    for argv, environ in calls:
        assert {name: environ[name] for name in names} == given
        assert not any("touch" in word for word in argv)
    assert {*TAKES.values()} <= {tuple(environ["THREEWAYS_TAKES"].split()) for _, environ in calls}


def test_each_setting_of_the_environment_arrives_as_it_was_given(checkout: Path) -> None:
    names = [name for name in SETTINGS if name not in {"PYTHONX", "COLUMNS"}]
    given = {name: HOSTILE + name for name in names}
    for words, environment in (([f"{name}={given[name]}" for name in names], {}), ([], given)):
        status, said, calls = make(checkout, "run", *words, **environment)
        assert status == 0, said
        [(_, environ)] = calls
        assert {name: environ[name] for name in names} == given


@pytest.mark.parametrize("flags", [[], ["-e"]])
def test_a_variable_that_the_makefile_defines_cannot_be_replaced_by_what_runs(
    flags: list[str], checkout: Path
) -> None:
    private = {name for name in DEFINED if name != "REPORT"}
    assert {"PYTHON", "VENV", "READY", "GIVEN", "GOALS", "TAKES_run", "FIND_PYTHON"} <= private
    more = {"MAKECMDGOALS", "TAKES_bench", "TAKES_", "_", "1", "@", "candidate"}
    hostile = dict.fromkeys(private | more, "$(shell touch pwn1); touch pwn2 #")
    status, said, calls = make(checkout, *flags, "bench", **hostile)
    assert (status, len(calls)) == (0, 1), said
    assert make(checkout, *flags, **hostile)[0] == 0, "bare make, which lists the targets"
    status, said, calls = make(
        checkout, *flags, "bench", *(f"{name}={value}" for name, value in hostile.items())
    )
    assert (status, calls) == (2, [])
    assert {*said.partition("takes no ")[2].partition(";")[0].split()} >= private - {
        ".SHELLFLAGS",
        ".DEFAULT_GOAL",
    }


def test_the_python_that_setup_takes_is_a_path_and_nothing_else(checkout: Path) -> None:
    (checkout / ".venv/.ready").unlink()
    (checkout / "tools/setup_venv.py").write_text("print('set up')")
    assert make(checkout, "setup", f"PYTHON313={HOSTILE}")[0] == 0
    assert make(checkout, "setup", PYTHON313=HOSTILE)[0] == 0
    make(checkout, "setup", PYENV_ROOT=HOSTILE)  # whether there is another Python is this machine's matter


def test_no_goal_and_no_name_is_run(checkout: Path) -> None:
    for word in (".venv-x; touch pwn1; #/.ready", "x; touch pwn2", "MLFLOW_$$(file>pwn3)=1"):
        assert make(checkout, word)[0] == 2


def test_words_for_pytest_are_split_and_never_run() -> None:
    words = run_tests.command({"ARGS": "-n0 -k 'one or $(touch pwn)' a;b"})
    assert words[-4:] == ["-n0", "-k", "one or $(touch pwn)", "a;b"]
    assert run_tests.command({})[1:3] == ["-m", "pytest"]


def test_what_make_gives_a_command_is_not_given_to_the_commands_that_it_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A benchmark's own process made fewer rows than it was told to: it took make's number for its own."""
    monkeypatch.setenv("THREEWAYS_TAKES", "ROWS FLAT")
    monkeypatch.setenv("ROWS", "7")
    assert settings.makes_variables() == {"ROWS": "7"}
    assert "THREEWAYS_TAKES" not in settings.inherited_environment()
