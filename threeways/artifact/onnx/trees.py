"""Check an ONNX file's tree ensembles before onnxruntime builds them.

onnxruntime refuses dangling references, but it builds trees by recursion, one call a level: a tree of 20,000
levels overflows its stack and ends the process (onnxruntime 1.31). It also rebuilds a tree for each root that
refers to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from threeways.artifact import limits
from threeways.artifact.onnx.errors import GraphNotAllowed

type Integers = NDArray[np.int64]

ATTRIBUTES = frozenset(
    {
        "aggregate_function", "leaf_targetids", "leaf_weights", "n_targets", "nodes_falseleafs",
        "nodes_falsenodeids", "nodes_featureids", "nodes_missing_value_tracks_true", "nodes_modes",
        "nodes_splits", "nodes_trueleafs", "nodes_truenodeids", "post_transform", "tree_roots",
    }
)  # fmt: skip
"""Those of a TreeEnsemble: onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html"""
_NONE: Integers = np.empty(0, dtype=np.int64)


def check(integers: Mapping[str, Integers], tensors: Mapping[str, list[int]]) -> None:
    """Raise GraphNotAllowed unless every node is in at most one tree and no tree is too deep.

    integers: a TreeEnsemble's attributes that are lists of integers. tensors: the shapes of its tensors.
    """
    true, false, true_leaf, false_leaf, roots, features, targets = (
        integers.get(name, _NONE)
        for name in (
            "nodes_truenodeids", "nodes_falsenodeids", "nodes_trueleafs", "nodes_falseleafs", "tree_roots",
            "nodes_featureids", "leaf_targetids",
        )
    )  # fmt: skip
    count = len(true)
    if {len(false), len(true_leaf), len(false_leaf), len(features)} != {count} or not count or not len(roots):
        _refuse("whose nodes are not all there")
    lengths = {"nodes_splits": count, "nodes_modes": count, "leaf_weights": len(targets)}
    tracks = integers.get("nodes_missing_value_tracks_true", true)
    if tensors != {name: [length] for name, length in lengths.items()} or len(tracks) != count:
        _refuse("whose thresholds or leaves are not all there")
    child, leaf = np.concatenate([true, false]), np.concatenate([true_leaf, false_leaf])
    parent = np.tile(np.arange(count), 2)
    if np.any((leaf != 0) & (leaf != 1)) or np.any(
        (child < 0) | (child >= np.where(leaf, len(targets), count))
    ):
        _refuse("with a child that is not there")
    if np.any((roots < 0) | (roots >= count)) or np.any(features < 0) or np.any(targets != 0):
        _refuse("with a root, feature or target that is not there")
    inner = leaf == 0
    if np.any(child[inner] <= parent[inner]):
        _refuse("with a child before its node")
    named = np.concatenate([roots, child[inner]])
    if len(np.unique(named)) != len(named):
        _refuse("with a node in two places")
    _require_shallow(roots, np.where(inner, child, -1).reshape(2, count))


def _require_shallow(level: Integers, children: Integers) -> None:
    """Raise GraphNotAllowed for a tree of more than limits.ONNX_TREE_LEVELS levels.

    level: the indices of the roots. children: (2, m) node indices, -1 for a leaf.
    """
    for _ in range(limits.ONNX_TREE_LEVELS):
        below = children[:, level].ravel()
        level = below[below >= 0]
        if not len(level):
            return
    _refuse(f"of more than {limits.ONNX_TREE_LEVELS} levels")


def _refuse(how: str) -> NoReturn:
    raise GraphNotAllowed(f"has a tree {how}")
