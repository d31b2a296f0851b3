"""Find a task by its short name in `threeways.systems`, or by the name of a module of the user's own."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from threeways import artifact
from threeways.artifact import signature
from threeways.artifact.mlmodel import MLmodel
from threeways.errors import SettingsError
from threeways.scoring import signature_task
from threeways.scoring.finding import Finder
from threeways.scoring.metadata import because_of
from threeways.scoring.task import Task

_FINDER: Finder[Task[Any]] = Finder(
    "TASK", "task", Task, "threeways.scoring.Task", lambda task: task.name, ends=True
)


def names() -> list[str]:
    """Return the short names that `TASK` may have, sorted. Raises SettingsError for a broken one."""
    return _FINDER.names()


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
    return _FINDER.find(name)


def search_path(name: str) -> dict[str, str]:
    """Return the variable that lets another process of this machine import the module that TASK names."""
    if "." not in name or (spec := find_spec(name.partition(".")[0])) is None:
        return {}
    places = [str(Path(place).parent) for place in spec.submodule_search_locations or ()]
    return {"PYTHONPATH": os.pathsep.join(places)} if places else {}
