"""How far off a model is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from threeways.training.examples import Target


@dataclass(frozen=True, slots=True)
class Errors:
    """The errors of one model on one set, in the output's unit: root mean square, mean, median absolute."""

    rmse: float
    mae: float
    median: float


def errors(predicted: Target, actual: Target) -> Errors:
    """Return the errors of (n,) predictions, n at least 1."""
    off = predicted - actual
    return Errors(
        rmse=float(np.sqrt(np.mean(off**2))),
        mae=float(np.mean(np.abs(off))),
        median=float(np.median(np.abs(off))),
    )
