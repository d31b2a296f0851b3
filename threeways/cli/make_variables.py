"""The Makefile's variables as a command's options.

No recipe names a variable: a value that make and a shell have read can run commands, and loses a `$`. They
come in the environment, as they were given, and become options here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from threeways.errors import UsageError
from threeways.settings import set_in_environment

_CALLED = {"--record-bytes": "BYTES"}
"""Flags whose variable is not called as they are."""
_OF_SETTINGS = {"MODEL": "MODEL_LOCATION", "SHA256": "MODEL_SHA256"}
"""Short names of settings, for the commands that have no option of that name."""
_NO = frozenset({"0", "no", "false"})
"""What says no to a variable that is a flag: `YES=0`."""


def variables_of(command: Any) -> dict[str, str]:
    """Return a command's flags with the Makefile's variable for each: `YES=1` of `--yes`."""
    flags = [(option, param.is_flag) for param in _options(command) for option in param.opts]
    return {flag: _variable(flag) + ("=1" if bare else "") for flag, bare in flags if flag.startswith("--")}


def arguments(command: Any, given: Mapping[str, str]) -> list[str]:
    """Return the arguments that make's variables are to a command, each a single one, whatever is in it.

    given: the variables that its target takes, by name. Sets MODEL_LOCATION and MODEL_SHA256 by their short
    names where the command has no option for them. Raises UsageError where two names of one option are given.
    """
    made: list[str] = []
    for param in _options(command):
        names = {_variable(flag): flag for flag in param.opts if flag.startswith("--")}
        named = [name for name in names if name in given]
        if len(named) > 1:
            raise UsageError(f"{'= and '.join(named)}= are the same: give one of them")
        for name in named:
            made += _option(names[name], given[name], is_flag=param.is_flag)
    positional = [param.name.upper() for param in command.params if param.param_type_name == "argument"]
    known = {_variable(flag) for param in _options(command) for flag in param.opts} | {*positional}
    for name, setting in _OF_SETTINGS.items():
        if name in given and name not in known:
            set_in_environment(setting, given[name])
    values = [given[name] for name in positional if name in given]
    return [*made, *(["--", *values] if values else [])]


def _option(flag: str, value: str, *, is_flag: bool) -> list[str]:
    if is_flag:
        return [] if value.lower() in _NO else [flag]
    return [f"{flag}={value}"]


def _variable(flag: str) -> str:
    return _CALLED.get(flag, flag.removeprefix("--").upper().replace("-", "_"))


def _options(command: Any) -> list[Any]:
    return [param for param in command.params if param.param_type_name == "option"]
