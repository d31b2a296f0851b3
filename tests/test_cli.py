"""The command line as a whole: one module a command, quick help, what make calls, and the exit statuses."""

from __future__ import annotations

import errno
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from test_command_errors import make

from threeways.cli import app as cli
from threeways.cli import errors
from threeways.cli.deployment import telling_interruption
from threeways.errors import DeploymentFailed, EngineError, LocalFailed, ModelFailed, SettingsError

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
TAKEN = dict(re.findall(r"^TAKES_([\w-]+) := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("target", TAKEN)
def test_a_make_target_passes_on_what_it_takes_as_options_of_a_command(target: str) -> None:
    taken = TAKEN[target].split()
    older = {"RIDES"} if "EVENTS" in taken else set()  # a second name of the same
    given = [f"{name}=given" for name in taken if name not in {"ENGINE", *older}]
    done = make(target, *given)
    assert done.returncode == 0, done.stderr
    called = [line for line in done.stdout.replace("\\\n", " ").splitlines() if "-m threeways " in line]
    if not called:
        assert "-m threeways" not in done.stdout
        return
    [words] = map(shlex.split, called)
    name, *rest = words[words.index("threeways") + 1 :]
    command = COMMANDS.commands[name]
    options = {option for param in command.params for option in param.opts if option.startswith("--")}
    assert {word for word in rest if word.startswith("--")} <= options
    flags = {option for param in command.params if getattr(param, "is_flag", False) for option in param.opts}
    valued = [word for word in rest if word.startswith("--") and word not in flags | {"--target"}]
    assert all(rest[rest.index(option) + 1] == "given" for option in valued)


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
