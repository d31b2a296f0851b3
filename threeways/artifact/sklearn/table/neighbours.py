"""Rows of the nearest neighbours: compiled code follows the indices of their trees and labels unchecked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from threeways.artifact import limits
from threeways.artifact.sklearn.containers import Array, Mapped
from threeways.artifact.sklearn.forms import PLAIN, Count, Plain, Scope
from threeways.artifact.sklearn.rows import (
    FLAG,
    IN,
    INTEGER,
    NONE,
    NUMBER,
    RECORD,
    Row,
    row,
    sequence,
    together,
)
from threeways.artifact.sklearn.slots import OneOf, Part
from threeways.artifact.sklearn.table.labels import CLASSES

_METRICS = "chebyshev cityblock cosine euclidean l1 l2 manhattan minkowski sqeuclidean"


def _check_count(the: Scope) -> None:
    """Check that there are as many rows as neighbours asked for."""
    the.require(the["n_neighbors"] <= the["n_samples_fit_"], "rows are fewer than its neighbours")


def _check_rows(the: Scope) -> None:
    """Check that the rows are finite, and in memory as they are searched."""
    the.require(the["_fit_X"].flags.c_contiguous, "rows are not in order of rows")
    the.require(bool(np.isfinite(the["_fit_X"]).all()), "rows are not finite")
    tree, method = the["_tree"], the["_fit_method"]
    kinds = {"brute": "NoneType", "ball_tree": "BallTree", "kd_tree": "KDTree"}
    the.require(type(tree).__name__ == kinds[method], "tree is not the one that it searches by")


def _check_radius(the: Scope) -> None:
    """Check that the rows within any radius are not too many."""
    rows, most = the.dims["rows"], limits.NEIGHBOURS
    the.require(rows <= most, f"rows are {rows}, of which {most} are served")


def _check_labels(the: Scope) -> None:
    """Check that the rows' labels are those of the classes: the loop counts them by index."""
    labels, classes = the["_y"], the.dims["classes"]
    columns = labels.reshape(len(labels), -1)
    the.require(columns.shape[1] == len(classes), "labels are not as many as its outputs")
    for column, count in zip(columns.T, classes, strict=True):
        sound = column.min() >= 0 and column.max() == count - 1
        the.require(bool(sound), "labels are not those of its classes")


def _state(tree: Any) -> Mapping[str, Any]:
    """Return a KDTree's or BallTree's state by name."""
    names = [
        "data",
        "order",
        "nodes",
        "bounds",
        "leaf_size",
        "levels",
        "count",
        "trims",
        "leaves",
        "splits",
        "calls",
        "metric",
        "weights",
    ]
    return dict(zip(names, tree.__getstate__(), strict=True))


def _check_tree(the: Scope) -> None:
    """Check that each node's rows are rows, its children share them, and one without children is a leaf."""
    nodes, count, rows = the["nodes"], the["count"], the.dims["rows"]
    the.require(nodes.dtype.names == ("idx_start", "idx_end", "is_leaf", "radius"), "nodes are none")
    the.require(1 <= the["levels"] <= 60 and count == 2 ** the["levels"] - 1, "nodes are not of its levels")
    the.require(len(the["bounds"]) == (2 if the.name == "KDTree" else 1), "bounds are not of its kind")
    order = the["order"]
    sound = order.min() >= 0 and order.max() < rows and np.bincount(order, minlength=rows).min() == 1
    the.require(bool(sound), "order is not one of its rows")
    start, end, leaf = nodes["idx_start"], nodes["idx_end"], nodes["is_leaf"]
    the.require(
        bool(np.all((start >= 0) & (start <= end) & (end <= rows))), "node's rows are not among its rows"
    )
    the.require(
        bool(np.all((leaf == 0) | (leaf == 1)) and np.all(leaf[count // 2 :] == 1)), "node has no children"
    )
    inner = np.flatnonzero(leaf == 0)
    one, other = 2 * inner + 1, 2 * inner + 2
    shared = [start[one] == start[inner], end[one] == start[other], end[other] == end[inner]]
    the.require(bool(np.all(shared) and (start[0], end[0]) == (0, rows)), "nodes do not share its rows")


def _check_distance(the: Scope) -> None:
    """Check that a distance has no weights: they would have to be as many as the features."""
    the.require(the["p"] > 0 and len(the["vector"]) <= 1, "weights are given")


_ARGUMENTS = {
    "metric": Plain("str", among=_METRICS.split()),
    "metric_params": OneOf(NONE, Mapped(NUMBER)),
    "p": Plain("none int float", 0.01, 1e6),
    "leaf_size": Plain("int", 1),
    "weights": Plain("none str", among=(None, "uniform", "distance")),
    "algorithm": Plain("str", among=("auto", "ball_tree", "kd_tree", "brute")),
}
_FITTED = {
    **IN,
    "effective_metric_": Plain("str", among=_METRICS.split()),
    "effective_metric_params_": Mapped(OneOf(NONE, NUMBER)),
    "_fit_method": Plain("str", among=("ball_tree", "kd_tree", "brute")),
    "n_samples_fit_": Count("rows"),
    "_fit_X": Array("f", "rows in"),
    "_tree": OneOf(NONE, Part("KDTree BallTree", "rows in")),
}
_COUNTED = {**_ARGUMENTS, "n_neighbors": Plain("int", 1, limits.NEIGHBOURS)}
_WITHIN = {**_ARGUMENTS, "n_neighbors": NONE, "radius": NUMBER}
_LABELS: dict[str, Any] = {
    "classes_": CLASSES,
    "outputs_2d_": FLAG,
    "_y": Array("i", "rows | rows out"),
}
_PARAMETERS = "algorithm leaf_size metric metric_params n_jobs n_neighbors p radius weights"
_TREE = together(
    Array("f", "rows in"), Array("i", "rows"), Array("V", "*"), Array("f", "* * *"),
    Plain("int", 1), INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, Part("distance"), NONE,
)  # fmt: skip

ROWS: list[Row] = [
    *row(
        "sklearn.neighbors._unsupervised",
        "NearestNeighbors",
        "neighbours",
        "algorithm leaf_size metric metric_params n_jobs n_neighbors p radius",
        rules=(_check_count, _check_rows),
        maybe=_COUNTED,
        **_FITTED,
    ),
    *row(
        "sklearn.neighbors._regression",
        "KNeighborsRegressor",
        "regressor",
        _PARAMETERS,
        rules=(_check_count, _check_rows),
        maybe=_COUNTED,
        **_FITTED,
        _y=Array("biuf", "rows | rows out"),
    ),
    *row(
        "sklearn.neighbors._regression",
        "RadiusNeighborsRegressor",
        "regressor",
        _PARAMETERS,
        rules=(_check_radius, _check_rows),
        maybe=_WITHIN,
        **_FITTED,
        _y=Array("biuf", "rows | rows out"),
    ),
    *row(
        "sklearn.neighbors._classification",
        "KNeighborsClassifier",
        "classifier",
        _PARAMETERS,
        rules=(_check_count, _check_rows, _check_labels),
        maybe=_COUNTED,
        **_FITTED,
        **_LABELS,
    ),
    *row(
        "sklearn.neighbors._classification",
        "RadiusNeighborsClassifier",
        "classifier",
        f"outlier_label {_PARAMETERS}",
        rules=(_check_radius, _check_rows, _check_labels),
        maybe=_WITHIN | {"outlier_label": RECORD},
        **_FITTED,
        **_LABELS,
        outlier_label_=OneOf(NONE, sequence(PLAIN), Array("biufUO", "*")),
    ),
    *(
        Row(
            f"sklearn.neighbors._{module}_tree",
            name,
            "search tree",
            {
                "data": Array("f", "rows in"),
                "order": Array("i", "rows"),
                "nodes": Array("V", "count"),
                "bounds": Array("f", "* count in"),
                "levels": INTEGER,
                "count": Count("count"),
                "metric": Part("distance"),
                "weights": NONE,
            },
            frozenset(),
            (_check_tree,),
            state=_TREE,
            read=_state,
        )
        for module, name in (("kd", "KDTree"), ("ball", "BallTree"))
    ),
    *(
        Row(
            "sklearn.metrics._dist_metrics",
            f"{name}Distance64",
            "distance",
            {"p": NUMBER, "vector": Array("f", "*")},
            frozenset(),
            (_check_distance,),
            state=together(NUMBER, Array("f", "*"), Array("f", "* *")),
            read=lambda metric: dict(zip(("p", "vector"), metric.__getstate__()[:2], strict=True)),
        )
        for name in ("Chebyshev", "Euclidean", "Manhattan", "Minkowski")
    ),
    *row(
        "sklearn.neighbors._nearest_centroid",
        "NearestCentroid",
        "classifier",
        "metric priors shrink_threshold",
        maybe={"metric": Plain("str", among=("euclidean", "manhattan"))},
        **IN,
        classes_=Array("biufUO", "classes"),
        class_prior_=Array("f", "classes"),
        centroids_=Array("f", "classes in"),
        within_class_std_dev_=Array("f", "in"),
        deviations_=Array("f", "classes in"),
    ),
]
