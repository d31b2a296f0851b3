"""Fit a trained model's prediction intervals on the validation set, and measure how much they cover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from threeways.artifact.inputs import Table
from threeways.artifact.interval import KEY, IntervalTable
from threeways.errors import DataError
from threeways.scoring import calibration
from threeways.scoring.calibration import Coverage, Parts
from threeways.scoring.outputs import Value
from threeways.scoring.task import Task
from threeways.training.examples import Examples, Target


@dataclass(frozen=True, slots=True)
class FittedIntervals:
    """The table of all of the validation set, and how much the same way of fitting covers.

    coverage: of each half of the validation set's time by a table of the other half, so that no event is
    judged by a table that has seen it.
    """

    table: IntervalTable
    coverage: Coverage

    def figures(self) -> dict[str, float]:
        """Return them as the training's file has them: `coverage_80` and `mean_width`."""
        name = f"coverage_{round(100 * self.table.coverage)}"
        return {name: self.coverage.share, "mean_width": self.coverage.width}


def of_training(task: Task[Any], validation: Examples[Any], predicted: Target) -> FittedIntervals | str:
    """Return the intervals of a model's predictions of the validation set, or why there are none."""
    if not isinstance(task.output, Value) or task.combine or KEY in {task.output.name, task.id_name}:
        return f"{task.output.name} is not one number of an event"
    truth = task.truth
    least = 0.0 if truth is not None and truth.least >= 0 else None
    parts = _parts(task, validation)
    time = validation.times
    order = np.arange(len(predicted)) if time is None else np.argsort(time, kind="stable")
    try:
        table = calibration.fitted(predicted, validation.target, least=least, parts=parts)
        coverage = calibration.cross_measured(predicted, validation.target, order, least=least, parts=parts)
    except DataError as error:
        return str(error)
    return FittedIntervals(table, coverage)


def _parts(task: Task[Any], validation: Examples[Any]) -> list[Parts]:
    """Return the input columns that the task's slices bin: the table may have groups by one of them."""
    block, found = validation.block, []
    for one in task.slices:
        if one.edges and one.field in task.columns:
            values = (
                block.columns[one.field]
                if isinstance(block, Table)
                else block[:, task.columns.index(one.field)]
            )
            found.append(Parts(one.field, np.asarray(values, dtype=np.float64), one.edges))
    return found
