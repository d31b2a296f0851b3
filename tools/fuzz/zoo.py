"""One or more fitted estimators of every class that a skops file may hold, each small and with its input."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import zoo_kernels, zoo_models, zoo_several, zoo_transformers

ROWS = 61
_RNG = np.random.default_rng(3)
X: NDArray[np.float64] = np.column_stack(
    [
        _RNG.integers(1, 5, ROWS),
        _RNG.integers(1, 4, ROWS),
        _RNG.random((ROWS, 5)) * 9,
    ]
)
Y: NDArray[np.float64] = X[:, 2] * 3 + np.isin(X[:, 0], [2, 4]) * 9 + _RNG.random(ROWS)
MANY: NDArray[np.float64] = np.column_stack([Y, -Y, Y * X[:, 3]])
WITH_NAN: NDArray[np.float64] = np.where(_RNG.random(X.shape) < 0.1, np.nan, X)
CATEGORIES: NDArray[np.float64] = np.round(X[:, :3])
TEXTS = [f"taxi {'green' if a > 2 else 'yellow'} ride {b:.0f} long {c:.0f}" for a, b, c in X[:, :3]]
DICTS: list[dict[str, Any]] = [{"pair": f"{a:.0f}_{b:.0f}", "miles": c} for a, b, c in X[:, :3]]
NAMES = np.array([["a", "b", "cc", "dd", "e"][int(a)] for a in X[:, 0]])

INPUTS: dict[str, Any] = {
    "numbers": X,
    "nan": WITH_NAN,
    "categories": CATEGORIES,
    "nan categories": np.where(_RNG.random(CATEGORIES.shape) < 0.1, np.nan, CATEGORIES),
    "words": np.column_stack([NAMES, NAMES[::-1]]).astype(object),
    "texts": TEXTS,
    "dicts": DICTS,
    "line": X[:, 2],
    "frame": pd.DataFrame(X, columns=list("abcdefg")),
}
TARGETS: dict[str, Any] = {
    "number": Y,
    "many": MANY,
    "two": (np.median(Y) < Y).astype(int),
    "five": (np.argsort(np.argsort(Y)) * 5 // ROWS),
    "labels": np.array(["low", "mid", "top"])[np.argsort(np.argsort(Y)) * 3 // ROWS],
    "many labels": np.column_stack([Y > 20, X[:, 3] > 4]).astype(int),
}


_MAKERS = (*zoo_models.MAKERS, *zoo_kernels.MAKERS, *zoo_several.MAKERS, *zoo_transformers.MAKERS)
_METHODS = ("predict_proba", "decision_function", "predict"), ("transform",), ("kneighbors",)


class Sample(NamedTuple):
    """A fitted estimator and rows that it takes."""

    name: str
    estimator: Any
    rows: Any

    def answer(self, estimator: Any = None) -> Any:
        """Return what the estimator (another one in its place) makes of the rows."""
        chosen = self.estimator if estimator is None else estimator
        for methods in _METHODS:
            if found := [getattr(chosen, method) for method in methods if hasattr(chosen, method)]:
                return [method(copy.deepcopy(self.rows)) for method in found]  # some change them in place
        raise TypeError(f"{self.name} has no method to try")


def dense(answer: Any) -> Any:
    """Return an answer with sparse matrices as arrays."""
    if isinstance(answer, list | tuple):
        return [dense(one) for one in answer]
    return np.asarray(answer.toarray() if hasattr(answer, "toarray") else answer)


def same(one: Any, other: Any) -> bool:
    """Return whether two dense answers are equal to the last bit, NaN with NaN."""
    if isinstance(one, list) or isinstance(other, list):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    floats = one.dtype.kind == other.dtype.kind == "f"
    return bool(np.array_equal(one, other, equal_nan=floats))


def names() -> list[str]:
    """Return the names of all samples."""
    return list(_makers())


@cache
def sample(name: str) -> Sample:
    """Return the sample of that name, fitted once."""
    make, rows, target = _makers()[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = INPUTS[rows]
        np.random.seed(1)  # noqa: NPY002  (what estimators without a seed draw from)
        fitted = make().fit(copy.deepcopy(given), TARGETS[target])
    return Sample(name, fitted, given)


@cache
def _makers() -> dict[str, tuple[Callable[[], Any], str, str]]:
    found = {}
    for rows, target, makers in _MAKERS:
        for text, make in makers.items():
            name = text if text not in found else f"{text} on {rows}, {target}"
            found[name] = (make, rows, target)
    return found
