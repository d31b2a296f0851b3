"""What a task declares of a life's run: events of a world that changes, and what really happened."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from threeways.errors import UsageError
from threeways.scoring.events import Events
from threeways.scoring.task import Task


@dataclass(frozen=True)
class LifeEvents:
    """n events in the order of their time.

    times: (n,) each one's, on its own clock. known: (n,) when its label comes. labels: their labels' JSON, in
    the same order. changes: when the world does. what: that in words. write: some of the events, by position,
    with their labels, into a file that the task's training takes.
    """

    events: Events
    times: NDArray[np.datetime64]
    known: NDArray[np.datetime64]
    labels: Callable[[], Iterator[bytes]]
    changes: np.datetime64
    what: str
    write: Callable[[NDArray[np.intp], Path], None]


class Life(Protocol):
    """The module that `Task.life` names. JOIN: the join of the task's labels, as JOIN has it."""

    JOIN: str

    def load(self, count: int) -> LifeEvents:
        """Return so many events. Raises DataError."""


def life_of(task: Task[Any]) -> Life:
    """Import the module of a task's life. Raises UsageError where it declares none."""
    if task.life is None:
        raise UsageError(
            f"LIFE=1: TASK={task.name} declares no life: name a module in its `life` that makes events of a "
            "world that changes, or leave TASK= out"
        )
    module: Life = importlib.import_module(task.life)
    return module
