"""Find events for a job that is given none: the task's system makes them."""

from __future__ import annotations

import importlib
from typing import Any

from threeways.errors import BatchError
from threeways.scoring.task import Task


def module_of(task: Task[Any]) -> Any:
    """Return the module that `Task.demo` names. Raises BatchError where there is none."""
    if task.demo is None:
        raise BatchError(
            f"TASK={task.name} makes no events by itself; give EVENTS=, a database URL (with TABLE=) or "
            "parquet files"
        )
    return importlib.import_module(task.demo)
