"""Measure predictions of a set: errors of numbers, or how well probabilities tell where a class holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.scoring.judging import Ranks
from threeways.scoring.task import Task
from threeways.training.examples import Examples, Fitted, Measured, Target

BINS = 10
"""Of the expected calibration error, of equal width."""
LABELS = {
    "rmse": "RMSE",
    "mae": "mean absolute",
    "median": "median absolute",
    "auc": "ROC AUC",
    "precision": "precision at the threshold",
    "recall": "recall at the threshold",
    "ece": f"expected calibration error, {BINS} bins",
    "rows": "rows of the class",
}
"""What people call them."""


def of_numbers(predicted: Target, actual: Target) -> dict[str, float]:
    """Return the errors of (n,) predictions, n at least 1: root mean square, mean and median absolute."""
    off = predicted - actual
    return {
        "rmse": float(np.sqrt(np.mean(off**2))),
        "mae": float(np.mean(np.abs(off))),
        "median": float(np.median(np.abs(off))),
    }


def of_class(
    probability: NDArray[np.float64], holds: NDArray[np.bool_], threshold: float
) -> dict[str, float]:
    """Return how well (n,) probabilities of a class tell where it holds.

    threshold: the class is told from it on. An area or a share of nothing is NaN.
    """
    ranks = Ranks()
    ranks.add(probability, holds)
    area = ranks.area()
    told = probability >= threshold
    right = int(np.count_nonzero(told & holds))
    return {
        "auc": np.nan if area is None else area,
        "precision": _share(right, np.count_nonzero(told)),
        "recall": _share(right, np.count_nonzero(holds)),
        "ece": calibration_error(probability, holds),
        "rows": float(np.count_nonzero(holds)),
    }


def calibration_error(probability: NDArray[np.float64], holds: NDArray[np.bool_]) -> float:
    """Return the expected calibration error: by bin the distance of mean probability and share, weighted."""
    of_bin = np.minimum((probability * BINS).astype(np.intp), BINS - 1)
    off = np.bincount(of_bin, weights=probability - holds, minlength=BINS)
    return float(np.abs(off).sum() / len(probability))


def of_model(task: Task[Any], fitted: Fitted, examples: Examples[Any]) -> Measured:  # noqa: ARG001
    """Return a model's predictions of numbers, and their errors."""
    predicted = fitted.model.predict(examples.rows)
    return Measured(predicted, of_numbers(predicted, examples.target))


def in_file(found: Mapping[str, Measured]) -> dict[str, float]:
    """Return the figures of a training's file: the validation's, and the baseline's first one."""
    model, baseline = found["validation"].values, found["baseline_validation"].values
    first = next(iter(model))
    kept = {name: value for name, value in model.items() if name not in {"median", "rows"}}
    return kept | {f"baseline_{first}": baseline[first]}


def _share(part: int, whole: Any) -> float:
    return part / int(whole) if whole else np.nan
