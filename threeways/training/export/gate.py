"""The exactness gate: a graph counts only if it says what scikit-learn says, thresholds included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact import onnx_format
from threeways.artifact.mlmodel import Gate
from threeways.training.export import trees
from threeways.training.export.convert import exported, last_step, trees_of

type Block = NDArray[np.float64]

MOST_DIFFERENCE = 1e-9
"""In the unit of the prediction, minutes for a ride's duration."""
MOST_POINTS = 24_000
"""Points around thresholds. Where a model has more, evenly chosen ones of each feature."""
_NAME = Path("model.onnx")


class GateFailed(Exception):
    """The graph differs from the estimator by more than is let through; the message says by how much."""


def passed(content: bytes, estimator: Any, block: Block) -> Gate:
    """What the gate found: the graph is run as it is served, beside the estimator.

    block: (n, width) rows to compare on, the whole validation set; to them come its edges (see `_edges`).
    A regressor of trees is also compared alone, on what its transformers make of those rows with one feature
    on, just under and just above each of its thresholds. Raises GateFailed.
    """
    compared = [_compared(content, estimator, np.vstack([block, _edges(block)]))]
    regressor = last_step(estimator)
    ensemble = trees_of(regressor)
    if any(not tree.leaf[0] for tree in ensemble):
        transformed = block if regressor is estimator else estimator[:-1].transform(block)
        compared.append(_compared(exported(regressor), regressor, _around(transformed, ensemble)))
    return Gate(max(found.max_difference for found in compared), sum(found.rows for found in compared))


def _compared(content: bytes, estimator: Any, block: Block) -> Gate:
    said = onnx_format.load(content, _NAME).predict(block)
    wanted = np.asarray(estimator.predict(block), dtype=np.float64).reshape(-1)
    difference = np.where(said == wanted, 0.0, np.abs(said - wanted))  # equal infinities differ by nothing
    most = float(np.max(difference, initial=0.0))
    if not most <= MOST_DIFFERENCE:  # NaN, too
        worst = int(np.argmax(np.where(np.isnan(difference), np.inf, difference)))
        raise GateFailed(
            f"it says {said[worst]!r} where scikit-learn says {wanted[worst]!r}; "
            f"at most {MOST_DIFFERENCE} is let through"
        )
    return Gate(most, len(block))


def _edges(block: Block) -> Block:
    """Rows of the block with one feature out of what was seen: between numbers, beyond the least and most."""
    rows = block[:: max(1, len(block) // 16)]
    made = []
    for column in range(block.shape[1]):
        least, most = block[:, column].min(), block[:, column].max()
        for value in (0.0, -0.0, 0.5, -1.0, least - 1, most + 1, most + 0.5, 1e-300, 1e15):
            changed = rows.copy()
            changed[:, column] = value
            made.append(changed)
    return np.vstack(made)


def _around(block: Block, ensemble: list[trees.Tree]) -> Block:
    """Rows of the block with one feature on, just under or just above a threshold."""
    found = dict(trees.thresholds(ensemble))
    each = max(1, MOST_POINTS // (3 * len(found)))
    made = []
    for feature, every in found.items():
        chosen = every[np.unique(np.linspace(0, len(every) - 1, min(each, len(every)), dtype=int))]
        values = np.concatenate([chosen, np.nextafter(chosen, -np.inf), np.nextafter(chosen, np.inf)])
        rows = block[np.arange(len(values)) % len(block)].copy()
        rows[:, feature] = values
        made.append(rows)
    return np.vstack(made)
