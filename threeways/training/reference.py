"""The reference of a training: what its rows, predictions and errors were like, kept in the artifact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact import reference
from threeways.artifact.answers import of_estimator
from threeways.artifact.inputs import Rows
from threeways.artifact.mlmodel import Flavours, MLmodel, PyfuncFlavour
from threeways.artifact.reference.binning import named_columns
from threeways.artifact.reference.building import LEAST_ROWS, build, errors_of
from threeways.scoring.outputs import Value
from threeways.scoring.service import ModelService
from threeways.scoring.task import Task
from threeways.training.examples import Examples, Measured

LACKING = (
    f"no {reference.FILE}: that takes {LEAST_ROWS} rows or more of features by column, so COUNTS_LOCATION "
    "counts nothing of this model, and `threeways monitor` needs REFERENCE="
)


def of_training(
    task: Task[Any],
    estimator: Any,
    method: str,
    sets: tuple[Examples[Any], Examples[Any]],
    measured: tuple[Measured, Measured],
) -> bytes | None:
    """Return the file's text; None where the rows are too few.

    sets, measured: of the training and of the validation, which tells the errors.
    """
    training, validation = sets
    numbers = isinstance(task.output, Value) and not task.combine
    made = build(
        task.name,
        training.name,
        named_columns(training.block, task.columns),
        {task.output.name: measured[0].predicted} if numbers else _answers(task, estimator, method, training),
        training.times,
        errors_of(measured[1].predicted, validation.target, validation.times) if numbers else None,
        errors_of(measured[0].predicted, training.target, training.times) if numbers else None,
    )
    return None if made is None else reference.encode(made)


def of_service(service: ModelService[Any], rows: Rows, source: str) -> bytes | None:
    """Return the file's text for a model and rows of features; None where rows are too few or no columns."""
    features = named_columns(rows, service.task.columns)
    if not features or len(rows) < LEAST_ROWS:
        return None
    answers = service.answered.checked(service.model.predict(rows.copy()), len(rows))
    made = build(service.task.name, source, features, service.answered.table(answers))
    return None if made is None else reference.encode(made)


def _answers(
    task: Task[Any], estimator: Any, method: str, training: Examples[Any]
) -> Mapping[str, NDArray[Any]]:
    if task.combine:
        return {}
    info = MLmodel(Flavours(python_function=PyfuncFlavour(predict_fn=method)))
    output = task.output.bound(of_estimator(estimator, info), task.name)
    found = np.asarray(getattr(estimator, method)(training.rows))
    return output.table(output.checked(found, len(training.target)))
