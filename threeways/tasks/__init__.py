"""The tasks: one module a model, found by name."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from threeways.errors import SettingsError
from threeways.scoring.task import Task


def names() -> list[str]:
    """The names that `TASK` may have, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def find(name: str) -> Task[Any]:
    """The task called `name`: the `task` object of `threeways.tasks.<name>`. Raises SettingsError."""
    if name not in names():
        raise SettingsError(f"TASK={name!r} is not a task here; there is {', '.join(names())}")
    task: Task[Any] = importlib.import_module(f"{__name__}.{name}").task
    return task
