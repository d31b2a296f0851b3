"""What a system's training data come to: a block of features and the true values, with their origin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.inputs import Block
from threeways.errors import UsageError
from threeways.scoring.task import Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from sklearn.pipeline import Pipeline

type Target = NDArray[np.float64]
"""(n,) true or predicted values, in the unit of the task's output."""
type Say = Callable[[str], None]
"""Is told a line for people."""


class Source(Protocol):
    """A dataclass that describes one file, or one synthetic set."""

    @property
    def name(self) -> str:
        """The path or address, or what the set is called."""

    @property
    def rows(self) -> int:
        """How many rows it has."""

    @property
    def sha256(self) -> str:
        """The digest of its bytes."""


@dataclass(frozen=True, slots=True)
class Examples:
    """The n usable events of one set.

    name: where they are from, in a line. block: (n, len(task.columns)) features. target: (n,) true values.
    raw: how many rows there were before cleaning. dropped: reason -> rows.
    """

    name: str
    sources: Sequence[Any]
    block: Block
    target: Target
    raw: int
    dropped: Mapping[str, int]


class Training(Protocol):
    """The module that `Task.training` names: how the models of a system's tasks are trained."""

    TRUSTED_TYPES: Sequence[str]
    """The types in a fitted pipeline that skops has to be told of."""

    def load(
        self, task: Task[Any], data: str | None, validation: str | None, say: Say
    ) -> tuple[Examples, Examples]:
        """Return the training set and the validation set; data None: the system's own. Raises DataError."""

    def sample(self, task: Task[Any], data: str | None, say: Say) -> Examples:
        """Return one set, to compare two forms of a model on. Raises DataError."""

    def fit(self, task: Task[Any], examples: Examples) -> Pipeline:
        """Fit the model: from the task's block to its output. Raises DataError for too few examples."""

    def fit_baseline(self, task: Task[Any], examples: Examples) -> Pipeline:
        """Fit the simple model that it has to beat."""

    def parameters(self) -> Mapping[str, object]:
        """Return the parameters to log."""

    def figures(
        self, task: Task[Any], examples: Examples, predicted: Target, baseline: Target
    ) -> Mapping[str, Figure]:
        """Draw the errors on a set: file name -> figure."""


def training_of(task: Task[Any]) -> Training:
    """Import the module that trains a task's models. Raises UsageError where the task has none."""
    import importlib

    if task.training is None:
        raise UsageError(
            f"TASK={task.name} has no training and no registered model: log one with MLflow and set "
            f"MODEL_LOCATION to its folder, s3://bucket/prefix or models:/name@alias"
        )
    module: Training = importlib.import_module(task.training)
    return module
