"""The command line as a whole: one module a command, quick help, what make calls, and the exit statuses."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from threeways.cli import app as cli
from threeways.cli import errors, make_variables
from threeways.cli.deployment import telling_interruption
from threeways.errors import (
    DeploymentFailed,
    EngineError,
    LocalFailed,
    ModelFailed,
    SettingsError,
    UsageError,
)

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


COMMANDS: Any = typer.main.get_command(cli.app)
MAKEFILE = (ROOT / "Makefile").read_text()
TAKEN = dict(re.findall(r"^TAKES_([\w-]+) := (.*)$", MAKEFILE, re.MULTILINE))


RECIPES = dict(re.findall(r"^([a-z-]+): .*\n\t.*-m threeways ([a-z-]+)", MAKEFILE, re.MULTILINE))
"""Make's target -> the command that it calls."""
ENVIRONMENT = re.findall(r"^override ENVIRONMENT := ((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)[0].split()
NOT_MAKES = {"batch": {"CHUNK"}, "web-image": {"TARGET"}}
"""Options that are no variables of a target: a size that nobody has to choose, and what the target is."""
VALUE = "-x 'a\"b' $c $(d) é"


@pytest.mark.parametrize("target", RECIPES)
def test_each_variable_that_a_make_target_takes_is_one_argument_of_its_command(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {})
    command = COMMANDS.commands[RECIPES[target]]
    flags = {option for param in command.params if getattr(param, "is_flag", False) for option in param.opts}
    assert make_variables.arguments(command, {}) == []
    for name in TAKEN.get(target, "").split():
        made = make_variables.arguments(command, {name: VALUE})
        setting = {"MODEL": "MODEL_LOCATION", "SHA256": "MODEL_SHA256"}.get(name, name)
        if made == []:
            assert (name, os.environ[setting]) == (name, VALUE)
        elif made[0] == "--":
            assert made == ["--", VALUE]
        else:
            [word] = made
            assert word in flags or word.endswith(f"={VALUE}")
            assert make_variables.variables_of(command)[word.partition("=")[0]].removesuffix("=1") == name


@pytest.mark.parametrize(("target", "told"), re.findall(r"^([a-z-]+): .*?## (.*)$", MAKEFILE, re.MULTILINE))
def test_each_variable_that_make_help_names_is_taken(target: str, told: str) -> None:
    named = re.findall(r"\b([A-Z][A-Z_]+)=", told)
    assert {*named} <= {*TAKEN.get(target, "").split(), *ENVIRONMENT}


@pytest.mark.parametrize("target", RECIPES)
def test_each_option_of_a_command_is_a_variable_of_its_make_target(target: str) -> None:
    command = COMMANDS.commands[RECIPES[target]]
    names = {name.removesuffix("=1") for name in make_variables.variables_of(command).values()}
    assert names - NOT_MAKES.get(target, set()) - {"HELP"} <= {*TAKEN.get(target, "").split(), *ENVIRONMENT}


def test_two_names_of_one_option_are_refused_and_a_flag_can_be_said_no_to() -> None:
    with pytest.raises(UsageError, match="EVENTS= and RIDES= are the same: give one of them"):
        make_variables.arguments(COMMANDS.commands["run"], {"EVENTS": "a", "RIDES": "b"})
    assert make_variables.arguments(COMMANDS.commands["destroy"], {"YES": "0"}) == []
    assert make_variables.arguments(COMMANDS.commands["destroy"], {"YES": "1"}) == ["--yes"]
    assert make_variables.arguments(COMMANDS.commands["rollback"], {"NO_RIDE": "1"}) == ["--no-ride"]


def test_a_short_name_and_the_setting_that_it_is_short_for_do_not_contradict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "environ", {"MODEL_SHA256": "a"})
    with pytest.raises(UsageError, match="MODEL_SHA256= and its short name are given, and differ"):
        make_variables.arguments(COMMANDS.commands["web"], {"SHA256": "b"})
    make_variables.arguments(COMMANDS.commands["web"], {"SHA256": "a"})


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (DeploymentFailed("begun"), 1),
        (LocalFailed("SAM CLI ended"), 1),
        (ModelFailed("always"), 1),
        (EngineError("no Docker"), 2),
        (SettingsError("environment"), 2),
        (OSError(errno.EACCES, "no", "a.html"), 2),
        (OSError(errno.ENOSPC, "no", "a.html"), 1),
        (ModuleNotFoundError("No module named 'mlflow'", name="mlflow"), 2),
        (typer.Exit(3), 3),
        (KeyboardInterrupt(), 130),
        (None, 0),
    ],
)
def test_each_way_to_end_has_its_exit_status_and_an_error_is_one_line(
    raised: BaseException | None,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = typer.Typer()

    @app.command()
    def one() -> None:
        if raised:
            raise raised

    @app.command()
    def other() -> None:
        """Two make it a group, as the real one is."""

    monkeypatch.setattr(sys, "argv", ["threeways", "one"])
    assert errors.run(app) == status
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) <= 1
    assert said.startswith("error: ") is (status in (1, 2))


def test_what_is_nobody_s_mistake_but_the_code_s_is_shown_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()

    @app.command()
    def one() -> None:
        raise ModuleNotFoundError("No module named 'threeways.pipeline'", name="threeways.pipeline")

    monkeypatch.setattr(sys, "argv", ["threeways"])
    with pytest.raises(ModuleNotFoundError):
        errors.run(app)


def test_an_interrupted_deployment_says_that_cloudformation_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(typer.Exit) as ended, telling_interruption():
        raise KeyboardInterrupt
    assert ended.value.exit_code == 130
    assert "it goes on with; look before you deploy again" in capsys.readouterr().err


def test_a_yes_that_is_missing_is_asked_for_as_the_caller_gives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told = "a real AWS account is only touched when you say so: YES=1"
    monkeypatch.setattr(sys, "argv", ["threeways", "destroy"])
    options = errors._options(cli.app)
    assert options["--yes"] == "YES=1"
    assert errors.for_caller(told, options, by_make=True) == told
    assert errors.for_caller(told, options, by_make=False) == told.replace("YES=1", "--yes")
