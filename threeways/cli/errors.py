"""Errors of the command line: one line each, an exit status, and the names that the caller used.

Messages inside the package speak of Make's variables (`EVENTS=`) or of flags (`--events`).
Who called a target of the Makefile reads variables, who called `python -m threeways` reads flags.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any

import typer
from rich.console import Console

from threeways import disk
from threeways.cli import extras, make_variables
from threeways.errors import ThreewaysError, UsageError
from threeways.settings import CommandLineSettings, from_environment, makes_variables

FAILED, USAGE, TOO_MANY_BAD, INTERRUPTED = 1, 2, 3, 130
"""The exit statuses of every command; 0 is a good end."""

_ENDS = re.compile(r"[,;:.)…]*(\s|$)")
"""What follows an option that is named without a value."""
_MAKE = r"(make [a-z][a-z-]*(?: [A-Z][A-Z0-9_]*=\S+)*)"


def run(app: typer.Typer) -> int:
    """Run the command that `sys.argv` names and return the exit status. Errors are one line each."""
    try:
        status = app(args=_arguments(app), standalone_mode=False)
    except typer.Abort:
        return INTERRUPTED
    except typer.TyperException as error:
        return _misused(error, _options(app))
    except Exception as error:
        told = explained(error)
        if told is None:
            raise
        _complain(for_caller(str(told), _options(app), by_make=called_by_make()))
        return status_of(told)
    return status if isinstance(status, int) else 0


def status_of(error: ThreewaysError) -> int:
    """Return the exit status that an error ends a command with."""
    return USAGE if isinstance(error, UsageError) else FAILED


def explained(error: Exception) -> ThreewaysError | None:
    """Return the error that a command ends with: the project's own, or its equivalent of a foreign one.

    None for what is nobody's mistake but this code's.
    """
    if isinstance(error, ThreewaysError):
        return error
    if isinstance(error, OSError):
        return disk.fault_of(error)
    if isinstance(error, ModuleNotFoundError):
        return extras.lacking(error.name or "")
    return None


def for_caller(message: str, options: Mapping[str, str], *, by_make: bool) -> str:
    """Name options in a message as the caller gave them. options: flag -> the Makefile's variable.

    Whole commands, `make train DATA=…`, stay as they are.
    """
    if not options:
        return message
    if by_make:
        flags = "|".join(map(re.escape, sorted(options, key=len, reverse=True)))
        return re.sub(rf"(?<![\w-])({flags})(?![\w-])", lambda found: options[found[1]], message)
    flag_of = {variable: flag for flag, variable in options.items()}
    names = "|".join(sorted(flag_of, key=len, reverse=True))
    pattern = rf"{_MAKE}|(?<![\w$./=-])({names})(?![\w])(?:=(?=\S)|=)?"

    def replaced(found: re.Match[str]) -> str:
        if found[1]:
            return found[1]
        valued = found[0].endswith("=") and not _ENDS.match(message, found.end())
        return flag_of[found[2]] + (" " if valued else "")

    return re.sub(pattern, replaced, message)


def _misused(error: Any, options: Mapping[str, str]) -> int:
    """Tell of an option or a command that there is not, or a value that it cannot have."""
    if not str(error.format_message()):  # no command at all: the help has been shown
        return USAGE
    context = getattr(error, "ctx", None)
    hint = f" (see {context.command_path} --help)" if context is not None and not called_by_make() else ""
    _complain(for_caller(error.format_message(), options, by_make=called_by_make()) + hint)
    return int(error.exit_code)


def _options(app: typer.Typer) -> dict[str, str]:
    """Return the flags of the called command, with the Makefile's variable for each: `YES=1` of `--yes`."""
    command = _called(app)
    return make_variables.variables_of(command) if command else {}


def _arguments(app: typer.Typer) -> list[str]:
    """Return the command line, with what make's variables add to it."""
    command = _called(app)
    added = make_variables.arguments(command, makes_variables()) if command else []
    return [*sys.argv[1:], *added]


def _called(app: typer.Typer) -> Any:
    """Return the command that `sys.argv` names; None if it names none."""
    commands: Any = typer.main.get_command(app)
    return next((commands.commands[word] for word in sys.argv[1:] if word in commands.commands), None)


def called_by_make() -> bool:
    """Tell whether a target of the Makefile runs the command."""
    return from_environment(CommandLineSettings).threeways_make


def _complain(message: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print("error:", message, markup=False)
