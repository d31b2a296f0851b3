"""Convert tree ensembles to one `TreeEnsemble` node.

onnxruntime sums a row's trees in their order, as scikit-learn does. A boosting's initial value is written as
the first tree, so that the sums are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.training.export.graph import ML, Graph, NotExportable

_LESS_OR_EQUAL, _SUM = 0, 1


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree as arrays over its m nodes, the root first.

    left, right: (m,) child indices; arbitrary for leaves. leaf: (m,) bool. feature, threshold, missing_left:
    (m,) rows go left with a value up to the threshold, or with a missing value if missing_left. value: (m,)
    the leaves' values.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    leaf: NDArray[np.bool_]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.float64]


def constant(value: float) -> Tree:
    """Return a tree with the same value for every row: one split, as ONNX requires, with two equal leaves."""
    two = np.array([False, True, True])
    return Tree(
        np.array([1, 0, 0]), np.array([2, 0, 0]), two, np.zeros(3, np.int64), np.zeros(3), ~two,
        np.array([0.0, value, value]),
    )  # fmt: skip


def of_sklearn(tree: Any, *, scale: float = 1.0, output: int = 0, of_class: int = 0) -> Tree:
    """Convert a fitted `sklearn.tree`'s `tree_`, its leaves multiplied by `scale`.

    output, of_class: which of its values.
    """
    return Tree(
        tree.children_left, tree.children_right, tree.children_left == -1, tree.feature, tree.threshold,
        np.asarray(tree.missing_go_to_left, dtype=bool), scale * tree.value[:, output, of_class],
    )  # fmt: skip


def of_histogram(predictor: Any) -> Tree:
    """Convert a HistGradientBoosting's tree."""
    nodes = predictor.nodes
    leaf = nodes["is_leaf"] != 0
    if np.any(nodes["is_categorical"][~leaf]):
        raise NotExportable("a HistGradientBoosting splits by category")
    return Tree(
        nodes["left"].astype(np.int64), nodes["right"].astype(np.int64), leaf, nodes["feature_idx"],
        nodes["num_threshold"], nodes["missing_go_to_left"] != 0, nodes["value"],
    )  # fmt: skip


def add(graph: Graph, value: str, trees: Sequence[Tree]) -> str:
    """Add the (n, 1) sums of the trees' values for a value's rows to the graph, and return the name."""
    inner = [tree if not tree.leaf[0] else constant(float(tree.value[0])) for tree in trees]
    first_node = np.cumsum([0, *(np.count_nonzero(~tree.leaf) for tree in inner)])
    first_leaf = np.cumsum([0, *(np.count_nonzero(tree.leaf) for tree in inner)])
    places = [_places(tree, *at) for tree, *at in zip(inner, first_node, first_leaf, strict=False)]

    def of_nodes(part: str) -> NDArray[Any]:
        return np.concatenate([getattr(tree, part)[~tree.leaf] for tree in inner])

    def of_children(side: str, what: str) -> list[int]:
        found = (
            (place if what == "place" else tree.leaf)[getattr(tree, side)[~tree.leaf]]
            for tree, place in zip(inner, places, strict=True)
        )
        return np.concatenate(list(found)).astype(np.int64).tolist()  # type: ignore[no-any-return]  # ints

    leaves = np.concatenate([tree.value[tree.leaf] for tree in inner])
    return graph.add(
        "TreeEnsemble",
        value,
        domain=ML,
        width=1,
        aggregate_function=_SUM,
        n_targets=1,
        post_transform=0,
        tree_roots=first_node[:-1].tolist(),
        nodes_featureids=of_nodes("feature").tolist(),
        nodes_splits=of_nodes("threshold").astype(np.float64),
        nodes_modes=np.full(int(first_node[-1]), _LESS_OR_EQUAL, dtype=np.uint8),
        nodes_missing_value_tracks_true=of_nodes("missing_left").astype(np.int64).tolist(),
        nodes_truenodeids=of_children("left", "place"),
        nodes_trueleafs=of_children("left", "leaf"),
        nodes_falsenodeids=of_children("right", "place"),
        nodes_falseleafs=of_children("right", "leaf"),
        leaf_targetids=[0] * len(leaves),
        leaf_weights=leaves.astype(np.float64),
    )


def _places(tree: Tree, first_node: int, first_leaf: int) -> NDArray[np.int64]:
    """Return the index of each of the tree's nodes among the inner nodes, or the leaves, of all trees."""
    places = np.empty(len(tree.leaf), dtype=np.int64)
    places[~tree.leaf] = first_node + np.arange(np.count_nonzero(~tree.leaf))
    places[tree.leaf] = first_leaf + np.arange(np.count_nonzero(tree.leaf))
    return places
