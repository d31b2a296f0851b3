"""The exactness gate: a graph is accepted only if it predicts what scikit-learn does, also at thresholds."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from threeways.artifact.input_types import InputTypes
from threeways.artifact.inputs import Block
from threeways.artifact.mlmodel import Gate
from threeways.artifact.onnx import loader
from threeways.artifact.sklearn.jobs import sequential_jobs
from threeways.training.export import points
from threeways.training.export.convert import exported, rounds, split_regressor, trees_of

MAX_DIFFERENCE = 1e-9
"""The largest accepted difference: absolute in the prediction's unit up to 1, relative above."""
PLAIN = InputTypes()
_NAME = Path("model.onnx")


class GateFailed(Exception):
    """The graph's predictions differ from the estimator's too much; the message says by how much."""


def passed(content: bytes, estimator: Any, block: Block, types: InputTypes = PLAIN) -> Gate:
    """Compare the graph's predictions with the estimator's, both on the input that they get in serving.

    block: (n, width) rows to compare on, the whole validation set; edge cases of it (`points.edges`) are
    added. types: the column types of the model's input; rows that those cannot hold are left out, as no model
    gets them. A tree-based regressor is also compared on its own, on the transformed rows, modified so that
    each split is reached with values on, just below and just above its threshold, or with a missing value;
    the graph must have the same trees. Returns the result, or raises GateFailed.
    """
    block = _taken(block, types)
    if not len(block):
        raise GateFailed("no row that it is compared on fits the types of the model's signature")
    compared = [_compared(content, estimator, _taken(np.vstack([block, points.edges(block)]), types), types)]
    regressor, transformed = split_regressor(estimator, types.convert(block))
    _require_doubles(estimator, block, transformed, types)
    ensemble = trees_of(regressor)
    if any(not tree.leaf[0] for tree in ensemble):
        alone = exported(regressor)
        rows = [points.around(transformed, ensemble, rounds=rounds(regressor))]
        if regressor.__sklearn_tags__().input_tags.allow_nan:
            rows.append(points.with_missing(transformed))
        compared.append(_compared(alone, regressor, np.vstack(rows)))
        if _trees(content) != _trees(alone):
            raise GateFailed("its trees are not those of the regressor")
    return Gate(
        max(found.max_difference for found in compared),
        sum(found.rows for found in compared),
        typed=True,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _taken(block: Block, types: InputTypes) -> Block:
    """Return the rows that the types can hold."""
    refused = types.invalid_rows(block)
    return np.delete(block, list(refused), axis=0) if refused else block


def _require_doubles(estimator: Any, block: Block, transformed: Block, types: InputTypes) -> None:
    """Raise GateFailed where the transformers compute in float32.

    They would differ from the graph's float64 near any threshold. Few rows would show that, so their outputs
    are compared.
    """
    if not types.typed:
        return
    _, doubles = split_regressor(estimator, types.rounded(block))
    if not np.array_equal(transformed, doubles, equal_nan=True):
        raise GateFailed(
            "its transformers compute in the types of the signature, and a graph computes in float64; train "
            "and log it on float64 columns"
        )


def _compared(content: bytes, estimator: Any, block: Block, types: InputTypes = PLAIN) -> Gate:
    try:
        with sequential_jobs():
            wanted = np.asarray(estimator.predict(types.convert(block)), dtype=np.float64).reshape(-1)
    except ValueError as error:
        raise GateFailed(
            f"scikit-learn refuses rows that the graph accepts: {str(error).splitlines()[0]}"
        ) from error
    predicted = loader.load(content, _NAME).predict(types.rounded(block))
    if predicted.shape != wanted.shape:
        raise GateFailed(f"it gives {predicted.shape} numbers where scikit-learn gives {wanted.shape}")
    apart = np.abs(
        predicted - wanted, where=predicted != wanted, out=np.zeros(len(predicted))
    )  # equal infinities are equal
    difference = apart / np.maximum(1.0, np.abs(np.where(apart == 0, 0.0, wanted)))
    most = float(np.max(difference, initial=0.0))
    if not most <= MAX_DIFFERENCE:  # NaN, too
        worst = int(np.argmax(np.where(np.isnan(difference), np.inf, difference)))
        raise GateFailed(
            f"it predicts {predicted[worst]} where scikit-learn predicts {wanted[worst]}; "
            f"at most {MAX_DIFFERENCE} is accepted"
        )
    return Gate(most, len(block))


def _trees(content: bytes) -> list[list[bytes]]:
    """Return the attributes of each tree ensemble in a graph."""
    import onnx

    nodes = onnx.load_model_from_string(content).graph.node
    return [
        sorted(attribute.SerializeToString(deterministic=True) for attribute in node.attribute)
        for node in nodes
        if node.op_type == "TreeEnsemble"
    ]
