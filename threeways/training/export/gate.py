"""The exactness gate: a graph counts only if it says what scikit-learn says, thresholds included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from threeways.artifact.feed import Feed
from threeways.artifact.inputs import Block
from threeways.artifact.mlmodel import Gate
from threeways.artifact.onnx import loader
from threeways.artifact.sklearn.jobs import one_at_a_time
from threeways.training.export import points
from threeways.training.export.convert import exported, rounds, taken_apart, trees_of

MOST_DIFFERENCE = 1e-9
"""In the unit of the prediction, minutes for a ride's duration; of predictions over 1, the share."""
PLAIN = Feed()
_NAME = Path("model.onnx")


class GateFailed(Exception):
    """The graph differs from the estimator by more than is let through; the message says by how much."""


def passed(content: bytes, estimator: Any, block: Block, feed: Feed = PLAIN) -> Gate:
    """What the gate found: both are run on what they get when served.

    block: (n, width) rows to compare on, the whole validation set; to them come its edges (`points.edges`).
    feed: in which types the model takes them; what those cannot hold is left out, as no model gets it.
    A regressor of trees is also compared alone, on what its transformers make of those rows, changed so that
    splits are reached with values on, just under and just above their thresholds, or with none; the graph
    must have the same trees. Raises GateFailed.
    """
    block = _taken(block, feed)
    if not len(block):
        raise GateFailed("no row that it is compared on fits the types of the model's signature")
    compared = [_compared(content, estimator, _taken(np.vstack([block, points.edges(block)]), feed), feed)]
    regressor, transformed = taken_apart(estimator, feed.given(block))
    _require_doubles(estimator, block, transformed, feed)
    ensemble = trees_of(regressor)
    if any(not tree.leaf[0] for tree in ensemble):
        alone = exported(regressor)
        rows = [points.around(transformed, ensemble, rounds=rounds(regressor))]
        if regressor.__sklearn_tags__().input_tags.allow_nan:
            rows.append(points.without(transformed))
        compared.append(_compared(alone, regressor, np.vstack(rows)))
        if _trees(content) != _trees(alone):
            raise GateFailed("its trees are not those of the regressor")
    return Gate(
        max(found.max_difference for found in compared), sum(found.rows for found in compared), typed=True
    )


def _taken(block: Block, feed: Feed) -> Block:
    """The rows that the types can hold."""
    refused = feed.refused(block)
    return np.delete(block, list(refused), axis=0) if refused else block


def _require_doubles(estimator: Any, block: Block, transformed: Block, feed: Feed) -> None:
    """Transformers that compute in float32 differ from the graph's float64 near any threshold.

    Few rows would show that, so what they make is compared. Raises GateFailed.
    """
    if not feed.typed:
        return
    _, doubles = taken_apart(estimator, feed.rounded(block))
    if not np.array_equal(transformed, doubles, equal_nan=True):
        raise GateFailed(
            "its transformers compute in the types of the signature, and a graph computes in float64; train "
            "and log it on float64 columns"
        )


def _compared(content: bytes, estimator: Any, block: Block, feed: Feed = PLAIN) -> Gate:
    try:
        with one_at_a_time():
            wanted = np.asarray(estimator.predict(feed.given(block)), dtype=np.float64).reshape(-1)
    except ValueError as error:
        raise GateFailed(
            f"scikit-learn refuses rows that it answers: {str(error).splitlines()[0]}"
        ) from error
    said = loader.load(content, _NAME).predict(feed.rounded(block))
    if said.shape != wanted.shape:
        raise GateFailed(f"it gives {said.shape} numbers where scikit-learn gives {wanted.shape}")
    apart = np.abs(said - wanted, where=said != wanted, out=np.zeros(len(said)))  # equal infinities are equal
    difference = apart / np.maximum(1.0, np.abs(np.where(apart == 0, 0.0, wanted)))
    most = float(np.max(difference, initial=0.0))
    if not most <= MOST_DIFFERENCE:  # NaN, too
        worst = int(np.argmax(np.where(np.isnan(difference), np.inf, difference)))
        raise GateFailed(
            f"it says {said[worst]} where scikit-learn says {wanted[worst]}; "
            f"at most {MOST_DIFFERENCE} is let through"
        )
    return Gate(most, len(block))


def _trees(content: bytes) -> list[list[bytes]]:
    """The attributes of each ensemble of trees in a graph."""
    import onnx

    nodes = onnx.load_model_from_string(content).graph.node
    return [
        sorted(attribute.SerializeToString(deterministic=True) for attribute in node.attribute)
        for node in nodes
        if node.op_type == "TreeEnsemble"
    ]
