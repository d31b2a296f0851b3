"""How far off a model is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from threeways.training.model import Minutes


@dataclass(frozen=True, slots=True)
class Errors:
    """Of one model on one set, in minutes: root mean square, mean absolute, median absolute."""

    rmse: float
    mae: float
    median: float


def errors(predicted: Minutes, actual: Minutes) -> Errors:
    """The errors of (n,) predictions, n at least 1."""
    off = predicted - actual
    return Errors(
        rmse=float(np.sqrt(np.mean(off**2))),
        mae=float(np.mean(np.abs(off))),
        median=float(np.median(np.abs(off))),
    )
