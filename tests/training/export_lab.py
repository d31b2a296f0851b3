"""What the export's tests share: small data, and the graph of a model run as it is served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.onnx import loader
from threeways.artifact.onnx.session import OnnxModel
from threeways.training.export import exported

type Floats = NDArray[np.float64]

RNG = np.random.default_rng(5)
X: Floats = np.column_stack(
    [RNG.integers(-3, 9, 400), RNG.integers(1, 9, 400), RNG.random(400) * 9, RNG.normal(size=400)]
).astype(np.float64)
Y: Floats = X[:, 2] * 3 + np.isin(X[:, 0], [2, 5]) * 9 + RNG.random(400) + 0.1
HOLES: Floats = np.where(RNG.random(X.shape) < 0.2, np.nan, X)
ROWS: Floats = np.vstack([X[:250], X[:250] + RNG.normal(size=(250, 4))])


def graph_of(estimator: Any) -> OnnxModel:
    """The estimator's graph, through the file and its check."""
    return loader.load(exported(estimator), Path("model.onnx"))


def require_equal(estimator: Any, rows: Floats = ROWS, within: float = 0.0) -> None:
    """The graph says what scikit-learn says, to the bit or within a share; a row the same in any batch."""
    graph = graph_of(estimator)
    said = graph.predict(rows)
    wanted = np.ravel(estimator.predict(rows))
    np.testing.assert_allclose(said, wanted, rtol=within, atol=within)
    if not within:
        assert said.tobytes() == wanted.tobytes()
    for size in (1, 7):
        parts = [graph.predict(rows[at : at + size]) for at in range(0, len(rows), size)]
        assert np.concatenate(parts).tobytes() == said.tobytes()


def at_thresholds(feature: Any, threshold: Any, rows: Floats = ROWS) -> Floats:
    """Rows with each split's feature on its threshold and its neighbours in float64 and float32."""
    made = []
    for n, (column, value) in enumerate(zip(feature, threshold, strict=True)):
        near = np.float32(value)
        values = [value, *(np.nextafter(value, to) for to in (-np.inf, np.inf)), near]
        values += [np.nextafter(near, np.float32(to)) for to in (-np.inf, np.inf)]
        some = rows[(np.arange(len(values)) + n) % len(rows)].copy()
        some[:, column] = values
        made.append(some)
    return np.vstack(made)
