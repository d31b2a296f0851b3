"""Compare what a model and its graph answer for the same rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.inputs import Rows, Table
from threeways.artifact.mlmodel import Gate
from threeways.artifact.onnx.session import OnnxModel
from threeways.artifact.sklearn.jobs import sequential_jobs

MAX_DIFFERENCE = 1e-9
"""The largest accepted difference: absolute in the prediction's unit up to 1, relative above."""
_REFUSALS = (ValueError, TypeError)
"""What scikit-learn raises for rows that it does not take."""


class GateFailed(Exception):
    """The graph's predictions differ from the estimator's too much; the message says by how much."""


@dataclass(frozen=True, slots=True)
class Both:
    """A model and its graph. method: what is asked. converted, rounded: what the two get of rows."""

    estimator: Any
    graph: OnnxModel
    method: str
    converted: Callable[[Any], Any]
    rounded: Callable[[Any], Any]

    def compared(self, rows: Rows) -> Gate:
        """Compare the answers for rows that the model accepts. Raises GateFailed."""
        try:
            wanted = [self._wanted(rows, method) for method in self._methods]
        except _REFUSALS as error:
            raise GateFailed(
                f"scikit-learn refuses rows that the graph accepts: {str(error).splitlines()[0]}"
            ) from error
        return self._like(rows, wanted, np.zeros(len(rows), np.bool_))

    def compared_or_refused(self, rows: Table) -> Gate:
        """Compare the answers, and which rows are refused. Raises GateFailed."""
        refused = self.refused(rows)
        sound = rows[np.flatnonzero(~refused).tolist()]
        return self._like(rows, [self._wanted(sound, method) for method in self._methods], refused)

    def refused(self, rows: Table) -> NDArray[np.bool_]:
        """Return the rows that the model refuses, each for itself."""
        found = np.zeros(len(rows), np.bool_)
        self._refused(rows, 0, found)
        return found

    def _refused(self, rows: Table, first: int, found: NDArray[np.bool_]) -> None:
        try:
            self._wanted(rows, self.method)
        except _REFUSALS:
            half = len(rows) // 2
            if not half:
                found[first] = True
                return
            self._refused(rows[list(range(half))], first, found)
            self._refused(rows[list(range(half, len(rows)))], first + half, found)

    @property
    def _methods(self) -> list[str]:
        """What is compared: also the labels, where the graph has them."""
        return [self.method, "predict"] if self.method != "predict" and self.graph.classes else [self.method]

    def _wanted(self, rows: Rows, method: str) -> NDArray[Any]:
        if not len(rows):
            return np.empty(0)
        with sequential_jobs(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of unknown categories
            return np.asarray(getattr(self.estimator, method)(self.converted(rows)))

    def _like(self, rows: Rows, wanted: list[NDArray[Any]], refused: NDArray[np.bool_]) -> Gate:
        most = 0.0
        for method, one in zip(self._methods, wanted, strict=True):
            answers, told = self.graph.ask(self.rounded(rows), method)
            if (told != refused).any():
                row = int(np.flatnonzero(told != refused)[0])
                says, other = ("refuses", "answers") if told[row] else ("answers", "refuses")
                raise GateFailed(f"it {says} a row that scikit-learn {other}: {_shown(rows, row)}")
            if len(one):
                most = max(most, _difference(answers[~refused], one, method))
        return Gate(most, len(rows))


def _difference(predicted: NDArray[Any], wanted: NDArray[Any], method: str) -> float:
    """Return the largest difference. Raises GateFailed where it is too large, or labels differ."""
    if wanted.ndim == 2 and wanted.shape[1] == 1 and predicted.ndim == 1:
        wanted = wanted[:, 0]
    if predicted.shape != wanted.shape:
        raise GateFailed(f"it gives {predicted.shape} answers where scikit-learn gives {wanted.shape}")
    if wanted.dtype.kind != "f" or predicted.dtype.kind != "f":
        differs = np.flatnonzero(predicted != wanted)
        if len(differs):
            raise _differs(predicted[differs[0]], wanted[differs[0]])
        return 0.0
    predicted, wanted = predicted.astype(np.float64), wanted.astype(np.float64)
    zeros = np.zeros(predicted.shape)
    apart = np.abs(predicted - wanted, where=predicted != wanted, out=zeros)  # equal infinities are equal
    difference = apart / np.maximum(1.0, np.abs(np.where(apart == 0, 0.0, wanted)))
    most = float(np.max(difference, initial=0.0))
    if not most <= MAX_DIFFERENCE:  # NaN, too
        worst = np.unravel_index(
            np.argmax(np.where(np.isnan(difference), np.inf, difference)), difference.shape
        )
        raise _differs(predicted[worst], wanted[worst])
    if method == "predict_proba" and not np.array_equal(predicted.argmax(axis=1), wanted.argmax(axis=1)):
        raise GateFailed("another class is the likeliest of a row")
    return most


def _differs(predicted: Any, wanted: Any) -> GateFailed:
    return GateFailed(
        f"it predicts {predicted} where scikit-learn predicts {wanted}; at most {MAX_DIFFERENCE} is accepted"
    )


def _shown(rows: Rows, row: int) -> str:
    if isinstance(rows, Table):
        return ", ".join(f"{name}={values[row]!r:.50}" for name, values in rows.columns.items())[:500]
    return str(rows[row].tolist())[:500]
