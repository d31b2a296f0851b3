"""Tasks by name: modules of the systems, found when they are asked for."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from threeways.errors import SettingsError
from threeways.scoring.task import Task

SYSTEMS = "threeways.systems"


def names() -> list[str]:
    """The names that `TASK` may have, sorted."""
    return sorted(_of(module).name for module in _modules("*") if _holds_a_task(module))


def find(name: str) -> Task[Any]:
    """The task called `name`: the `task` of a system's module, named as its end is. Raises SettingsError."""
    words = name.split("_")
    for start in range(len(words)):
        for module in _modules("_".join(words[start:])):
            if _holds_a_task(module) and (task := _of(module)).name == name:
                return task
    raise SettingsError(f"TASK={name!r} is not a task here; there is {', '.join(names())}")


def _modules(name: str) -> Iterator[str]:
    """The systems' modules of this name."""
    if not name.replace("*", "a").isidentifier():
        return
    for place in importlib.import_module(SYSTEMS).__path__:
        for path in sorted(Path(place).glob(f"*/{name}.py")):
            yield f"{SYSTEMS}.{path.parent.name}.{path.stem}"


def _holds_a_task(module: str) -> bool:
    spec = find_spec(module)
    return spec is not None and spec.origin is not None and "\ntask = " in Path(spec.origin).read_text()


def _of(module: str) -> Task[Any]:
    task: Task[Any] = importlib.import_module(module).task
    return task
