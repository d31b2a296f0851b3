"""The answers of models that are compared, as numbers or as labels: their distances and their errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from threeways.scoring.paired import Floats


class Numbers:
    """Answers that are numbers."""

    is_number = True

    def distances(self, one: Sequence[Any], other: Sequence[Any]) -> Floats:
        """Return how far apart two answers are, of n each."""
        return np.abs(np.array(one, dtype=np.float64) - np.array(other, dtype=np.float64))

    losses = distances

    def takes(self, value: Any) -> bool:
        """Whether a value is such an answer."""
        return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))

    def errors(self, told: Sequence[Any], actual: Sequence[Any]) -> dict[str, float]:
        """Return the measures of n answers by name; none without any. actual: (n,) what really was."""
        if not told:
            return {}
        apart = np.array(told, dtype=np.float64) - np.array(actual, dtype=np.float64)
        return {
            "mae": float(np.abs(apart).mean()),
            "rmse": float(np.sqrt(np.square(apart).mean())),
            "bias": float(apart.mean()),
        }


class Labels:
    """Answers that are labels."""

    is_number = False

    def distances(self, one: Sequence[Any], other: Sequence[Any]) -> Floats:
        """Return how far apart two answers are, of n each."""
        return np.array(
            [a != b for a, b in zip(map(_label, one), map(_label, other), strict=True)], np.float64
        )

    losses = distances

    def takes(self, value: Any) -> bool:
        """Whether a value is such an answer."""
        return value is not None and value == value

    def errors(self, told: Sequence[Any], actual: Sequence[Any]) -> dict[str, float]:
        """Return the measures of n answers by name; none without any. actual: (n,) what really was."""
        if not told:
            return {}
        return {"wrong": float(self.losses(told, actual).mean())}


def _label(value: Any) -> str:
    found = value["label"] if isinstance(value, dict) and "label" in value else value
    return str(found).lower() if isinstance(found, bool) else str(found)
