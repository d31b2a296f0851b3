"""Train the models that read an upload's texts: on generated uploads, or on files with labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from threeways.artifact.inputs import Table
from threeways.atomic_files import write_json
from threeways.scoring.task import Task
from threeways.systems.moderation.texts import OTHERWISE
from threeways.systems.moderation.training import model
from threeways.systems.moderation.training.data import events, load, sample
from threeways.systems.moderation.training.plots import reliability
from threeways.training import measures
from threeways.training.examples import Examples, Fitted, Measured, Target

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "METHOD", "TRUSTED_TYPES", "cross_validated", "events", "figures", "fit", "fit_baseline", "load",
    "measured", "parameters", "reported", "sample",
]  # fmt: skip

METHOD = "predict_proba"
TRUSTED_TYPES: list[str] = ["numpy.dtype"]
LAST_TRAIN = "last-moderation-train.json"
"""The figures of the last training of each task on each data set."""
FOLDS, REPEATS = 5, 3


def fit(task: Task[Any], examples: Examples[Table]) -> Fitted:
    """Fit the linear model and calibrate it. Raises DataError for too few examples of either class."""
    return model.fit(examples.rows, examples.target, (task.name, OTHERWISE))


def fit_baseline(task: Task[Any], examples: Examples[Table]) -> Fitted:
    """Fit a plain linear model on the words."""
    return model.fit_baseline(examples.rows, _labels(task, examples.target))


def parameters() -> Mapping[str, object]:
    """Return what a training logs as its parameters."""
    return model.parameters()


def measured(task: Task[Any], fitted: Fitted, examples: Examples[Table]) -> Measured:
    """Return the probabilities of the task's category, and how well they tell it."""
    place = list(fitted.model.classes_).index(task.name)
    probability = fitted.model.predict_proba(examples.rows)[:, place]
    threshold = float(fitted.chosen.get("threshold", 0.5))
    found = measures.of_class(probability, examples.target >= 1, threshold)
    return Measured(probability, found | {"threshold": threshold})


def cross_validated(
    task: Task[Any], training: Examples[Table], validation: Examples[Table]
) -> Mapping[str, float]:
    """Return the measures of five folds, three times over, of rows without a date: no fifth is the newest."""
    import pandas as pd
    from sklearn.model_selection import RepeatedStratifiedKFold

    if any(source.dated or source.generated for source in training.sources):
        return {}
    rows = pd.concat([training.rows, validation.rows], ignore_index=True)
    degrees = np.concatenate([training.target, validation.target])
    holds = degrees >= 1
    told, true, areas = [], [], []
    folds = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=model.SEED)
    for learnt, held in folds.split(rows, holds):
        fitted = model.fit(rows.iloc[learnt], degrees[learnt], (task.name, OTHERWISE)).model
        told.append(fitted.predict_proba(rows.iloc[held])[:, list(fitted.classes_).index(task.name)])
        true.append(holds[held])
        areas.append(measures.of_class(told[-1], true[-1], 0.5)["auc"])
    return {
        "auc_five_fold": float(np.mean(areas)),
        "ece_five_fold": measures.calibration_error(np.concatenate(told), np.concatenate(true)),
    }


def figures(
    task: Task[Any], examples: Examples[Table], predicted: Target, baseline: Target
) -> Mapping[str, Figure]:
    """Draw how often uploads are of the category by the probability that they are."""
    return {"reliability": reliability(task.name, examples.target >= 1, predicted, baseline)}


def reported(task: Task[Any], training: Examples[Table], figures: Mapping[str, object], folder: Path) -> None:
    """Add the training's figures to the file of all trainings, by task and data set.

    It is called while the training holds its folder's lock, so that no other one writes it.
    """
    path = folder / LAST_TRAIN
    try:
        told = msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, Any]])
    except (OSError, msgspec.DecodeError):  # none yet, or none of ours
        told = {}
    names = ", ".join(Path(source.name).name for source in training.sources)
    write_json(path, told | {task.name: told.get(task.name, {}) | {names: dict(figures)}})


def _labels(task: Task[Any], degrees: Target) -> Target:
    return np.where(degrees >= 1, task.name, OTHERWISE).astype(object)
