"""The exactness gate: a graph is accepted only if it predicts what scikit-learn does, also at thresholds."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from threeways.artifact.input_types import InputTypes
from threeways.artifact.inputs import Block, Table
from threeways.artifact.mlmodel import Gate
from threeways.artifact.onnx import loader
from threeways.artifact.sklearn import categories
from threeways.artifact.tables import TableTypes
from threeways.training.export import points, table_points
from threeways.training.export.compared import Both, GateFailed
from threeways.training.export.convert import exported, split_final
from threeways.training.export.ensembles import rounds, trees_of

PLAIN = InputTypes()
_NAME = Path("model.onnx")


def passed(
    content: bytes, estimator: Any, block: Block, types: InputTypes = PLAIN, method: str = "predict"
) -> Gate:
    """Compare the graph's predictions with the estimator's, both on the input that they get in serving.

    block: (n, width) rows to compare on, the whole validation set; edge cases of it (`points.edges`) are
    added. types: the column types of the model's input; rows that those cannot hold are left out, as no model
    gets them. method: what is asked. A tree-based model is also compared on its own, on the transformed rows,
    modified so that each split is reached with values on, just below and just above its threshold, or with a
    missing value; the graph must have the same trees. Returns the result, or raises GateFailed.
    """
    block = _taken(block, types)
    if not len(block):
        raise GateFailed("no row that it is compared on fits the types of the model's signature")
    both = Both(estimator, loader.load(content, _NAME), method, types.convert, types.rounded)
    found = [both.compared(_taken(np.vstack([block, points.edges(block)]), types))]
    final, transformed = split_final(estimator, types.convert(block))
    if types.typed:
        _require_doubles(transformed, split_final(estimator, types.rounded(block))[1])
    return _result(content, found + _alone(content, final, transformed, method))


def table_passed(content: bytes, estimator: Any, table: Table, types: TableTypes, method: str) -> Gate:
    """Compare as `passed` does, for a model that takes named columns.

    table: the rows to compare on; edge cases of each column are added (`table_points.edges`): each of its
    categories, one that is none, a missing value where that is allowed. A row that scikit-learn refuses must
    be one that the graph refuses.
    """
    invalid = types.invalid_rows(table)
    table = table[[row for row in range(len(table)) if row not in invalid]]
    if not len(table):
        raise GateFailed("no row that it is compared on fits the types of the model's signature")
    names = list(table.columns)
    model = loader.load(content, _NAME, columns=types.columns)
    both = Both(estimator, model, method, types.convert, lambda rows: rows)
    known = categories.known(estimator, names)
    _require_flags(model.categories, known)
    found = [
        both.compared_or_refused(rows) for rows in (table, *table_points.edges(table, types.columns, known))
    ]
    sound = table[np.flatnonzero(~both.refused(table)).tolist()]
    if not len(sound):
        raise GateFailed("scikit-learn refuses all rows that it is compared on; give others (EVENTS=)")
    final, transformed = split_final(estimator, types.convert(sound))
    if any(one.type == "float" for one in types.columns):
        _require_doubles(transformed, split_final(estimator, types.as_doubles(sound))[1])
    return _result(content, found + _alone(content, final, transformed, method))


def _require_flags(told: Mapping[str, Collection[Any]], known: Mapping[str, Collection[Any]]) -> None:
    """Raise GateFailed where events would be flagged for other categories than by scikit-learn's flavour."""
    found, wanted = (
        {name: {one for one in values if one is not None and one == one} for name, values in by_name.items()}
        for by_name in (told, known)
    )
    if found != wanted:
        names = ", ".join(sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name)))
        raise GateFailed(
            f"it would flag unseen categories otherwise, of {names}; select the columns of an encoder in the "
            "first ColumnTransformer"
        )


def _result(content: bytes, found: Sequence[Gate]) -> Gate:
    return Gate(
        max(one.max_difference for one in found),
        sum(one.rows for one in found),
        typed=True,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _alone(content: bytes, final: Any, transformed: Block, method: str) -> list[Gate]:
    """Compare the final model alone, where it has trees, around their thresholds."""
    ensemble = trees_of(final)
    if all(tree.leaf[0] for tree in ensemble):
        return []
    alone = exported(final, method=method)
    rows = [points.around(transformed, ensemble, rounds=rounds(final))]
    if final.__sklearn_tags__().input_tags.allow_nan:
        rows.append(points.with_missing(transformed))
    found = Both(final, loader.load(alone, _NAME), method, PLAIN.convert, PLAIN.rounded).compared(
        np.vstack(rows)
    )
    if _trees(content) != _trees(alone):
        raise GateFailed("its trees are not those of the model")
    return [found]


def _taken(block: Block, types: InputTypes) -> Block:
    """Return the rows that the types can hold."""
    refused = types.invalid_rows(block)
    return np.delete(block, list(refused), axis=0) if refused else block


def _require_doubles(transformed: Block, doubles: Block) -> None:
    """Raise GateFailed where the transformers compute in float32.

    They would differ from the graph's float64 near any threshold. Few rows would show that, so their outputs
    are compared.
    """
    if not np.array_equal(transformed, doubles, equal_nan=True):
        raise GateFailed(
            "its transformers compute in the types of the signature, and a graph computes in float64; train "
            "and log it on float64 columns"
        )


def _trees(content: bytes) -> list[list[bytes]]:
    """Return the attributes of each tree ensemble in a graph."""
    import onnx

    nodes = onnx.load_model_from_string(content).graph.node
    return [
        sorted(attribute.SerializeToString(deterministic=True) for attribute in node.attribute)
        for node in nodes
        if node.op_type == "TreeEnsemble"
    ]
