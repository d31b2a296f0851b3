"""What a system's training data come to: rows of features and the true values, with their origin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.inputs import Block, Rows, Table
from threeways.errors import UsageError
from threeways.scoring.task import Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from sklearn.pipeline import Pipeline

type Target = NDArray[Any]
"""(n,) true or predicted values: float64 in the unit of the task's output; or what tells a class."""
type Weights = NDArray[np.float64]
"""(n,) what each example weighs in a model's loss."""
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
class Examples[R: Rows = Block]:
    """The n usable events of one set.

    name: where they are from, in a line. block: (n, len(task.columns)) features, or a table of these columns.
    target: (n,) true values. raw: how many rows there were before cleaning. dropped: reason -> rows.
    times: (n,) when each happened; None: that is not known, and they are in the order of their time.
    """

    name: str
    sources: Sequence[Any]
    block: R
    target: Target
    raw: int
    dropped: Mapping[str, int]
    times: NDArray[np.datetime64] | None = field(default=None, kw_only=True)

    @property
    def rows(self) -> Any:
        """The features as scikit-learn fits them: an array, or a DataFrame of a table's columns."""
        if not isinstance(self.block, Table):
            return self.block
        import pandas as pd

        return pd.DataFrame(self.block.columns)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted model, and what its training chose by itself: parameters to log, by name."""

    model: Pipeline
    chosen: Mapping[str, float | int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """A model's predictions of a set, and how good they are: measure -> its value."""

    predicted: Target
    values: Mapping[str, float]


class Training(Protocol):
    """The module that `Task.training` names: how the models of a system's tasks are trained.

    It may also have METHOD: what of the model is called, default `predict`. `measured(task, fitted,
    examples)` returns `Measured`; default: errors of numbers. `cross_validated(task, training, validation)`
    returns more measures by name. `events(examples)` returns known events of a set, some 200, as the task's
    type or as JSON's values: the model's golden set is made of them, without them of the task's example.
    `reported(task, training, figures, folder)` is called when all is
    registered, with the figures of the training's file and the folder that it is in.

    What is retrained has `labelled(task, data, variable, say)`, one set of events with their `times`; data
    None: the system's own, variable: HOLDOUT or DATA. It may have `fit_weighted(task, examples, weights)`:
    `fit` with (n,) weights of the examples.
    """

    TRUSTED_TYPES: Sequence[str]
    """The types in a fitted pipeline that skops has to be told of."""

    def load(
        self, task: Task[Any], data: str | None, validation: str | None, say: Say
    ) -> tuple[Examples[Any], Examples[Any]]:
        """Return the training set and the validation set; data None: the system's own. Raises DataError."""

    def sample(self, task: Task[Any], data: str | None, say: Say) -> Examples[Any]:
        """Return one set, to compare two forms of a model on. Raises DataError."""

    def fit(self, task: Task[Any], examples: Examples[Any]) -> Pipeline | Fitted:
        """Fit the model: from the task's features to its output. Raises DataError for too few examples."""

    def fit_baseline(self, task: Task[Any], examples: Examples[Any]) -> Pipeline:
        """Fit the simple model that it has to beat."""

    def parameters(self) -> Mapping[str, object]:
        """Return the parameters to log."""

    def figures(
        self, task: Task[Any], examples: Examples[Any], predicted: Target, baseline: Target
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
