"""Find a task by its short name in `threeways.systems`, or by the name of a module of the user's own."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from threeways import artifact
from threeways.artifact import signature
from threeways.artifact.mlmodel import MLmodel
from threeways.errors import SettingsError
from threeways.scoring import signature_task
from threeways.scoring.metadata import because_of
from threeways.scoring.task import Task

SYSTEMS = "threeways.systems"


def names() -> list[str]:
    """Return the short names that `TASK` may have, sorted. Raises SettingsError for a broken one."""
    return sorted(_task_of(module).name for module in _modules("*"))


def of_model(
    info: MLmodel,
    folder: Path,
    named: Task[Any] | None,
    model_name: str | None = None,
    event_id: str | None = None,
    default: str | None = None,
    categories: Mapping[str, Collection[Any]] | None = None,
) -> Task[Any]:
    """Return the task of a model: the one that TASK or its metadata names, else the one its signature makes.

    folder: the artifact's. named: the task that TASK names. model_name, event_id: MODEL_NAME and EVENT_ID,
    for the signature's. default: the task where there is none of them. categories: the loaded model's.
    Raises SettingsError for a task that is not there or cannot be so named, ArtifactError for a model that
    names another task, or whose signature makes none.
    """
    own = info.task or (None if signature.inputs(info) else default)
    if named is None and own is None:
        called = model_name or str((info.metadata or {}).get("name", "model"))
        return signature_task.task_of(info, folder, name=called, event_id=event_id, categories=categories)
    task = named or find(str(own))
    artifact.check_task(info, task.name)
    told = because_of(info)
    if told not in (0, task.because):
        raise SettingsError(
            f"the artifact's metadata has because={told}, and TASK={task.name} has {task.because}; say so in "
            "the task, Task(because=…), or log the model without"
        )
    if event_id is not None and event_id != task.id_name:
        raise SettingsError(
            f"EVENT_ID={event_id}, and the events of TASK={task.name} have their id in {task.id_name}; unset "
            "EVENT_ID"
        )
    return task


def words(text: str) -> list[str]:
    """Return the names in a list of tasks, with spaces or commas between them."""
    return [word for word in re.split(r"[\s,]+", text) if word]


def find(name: str) -> Task[Any]:
    """Return the task that `TASK` names: a short name (`ride_tip`) or a module (`my_package.my_task`).

    The task with a short name is the `task` of a module within a system, and the module's name is the end of
    the task's: `ride_tip` may be in `tip.py`. Raises SettingsError: there is none, or two, or the module
    cannot be imported or holds no `Task` called `task`.
    """
    if "." in name:
        return _task_of(name)
    words = name.split("_")
    ends = ["_".join(words[start:]) for start in range(len(words))]
    found = {module: _task_of(module) for end in ends for module in _modules(end)}
    named = {module: task for module, task in found.items() if task.name == name}
    if len(named) > 1:
        raise SettingsError(
            f"TASK={name}: {' and '.join(named)} have this name; rename one, or give a module's name as TASK"
        )
    for task in named.values():
        return task
    raise SettingsError(
        f"TASK={name!r} is not a task here; there is {', '.join(names())}. One of your own is named by its "
        f"module, such as TASK=my_package.my_task"
    )


def search_path(name: str) -> dict[str, str]:
    """Return the variable that lets another process of this machine import the module that TASK names."""
    if "." not in name or (spec := find_spec(name.partition(".")[0])) is None:
        return {}
    places = [str(Path(place).parent) for place in spec.submodule_search_locations or ()]
    return {"PYTHONPATH": os.pathsep.join(places)} if places else {}


def _modules(name: str) -> Iterator[str]:
    """Yield the modules of the systems that have this file name and hold a task."""
    if not name.replace("*", "a").isidentifier():
        return
    for place in importlib.import_module(SYSTEMS).__path__:
        for path in sorted(Path(place).glob(f"*/{name}.py")):
            if "\ntask" in path.read_text("utf-8"):
                yield f"{SYSTEMS}.{path.parent.name}.{path.stem}"


def _task_of(module: str) -> Task[Any]:
    try:
        task = getattr(importlib.import_module(module), "task", None)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise SettingsError(
                f"TASK={module}: there is no module {error.name} here; install it, or start in its folder"
            ) from None
        raise SettingsError(f"TASK: {module} needs {error.name}, which is not installed here") from error
    except Exception as error:
        raise SettingsError(f"TASK: {module} cannot be imported: {error!r}; mend it") from error
    if task is None:
        raise SettingsError(f"TASK: {module} holds no task; call its Task so: task = Task(…)")
    if not isinstance(task, Task):
        raise SettingsError(
            f"TASK: the task of {module} is no threeways.scoring.Task but {type(task).__name__}"
        )
    return task
