"""Rows of the trees and their ensembles: compiled code follows a tree's indices without bounds checks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact import limits
from threeways.artifact.sklearn.containers import Array
from threeways.artifact.sklearn.forms import Count, Plain, Scope
from threeways.artifact.sklearn.rows import (
    IN,
    INTEGER,
    RECORD,
    TEMPLATE,
    Row,
    row,
    sequence,
    together,
)
from threeways.artifact.sklearn.slots import Part
from threeways.artifact.sklearn.table.labels import CLASS_COUNTS, CLASSES, decisions

LEAF = -1
"""The child index of a leaf in a `Tree`."""


def check_tree(the: Scope) -> None:
    """Check that a Tree has all of its nodes, and that every path ends at a leaf."""
    tree = the.thing
    # `node_count` comes from the file and sets the length of the arrays below: it is checked first.
    whole = tree.node_count == tree.capacity and min(tree.node_count, tree.n_outputs, tree.max_n_classes) >= 1
    the.require(whole, "count of nodes is not the one of its arrays")
    the.dims["nodes"] = tree.node_count
    left, right, feature = tree.children_left, tree.children_right, tree.feature
    leaf = left == LEAF
    the.require(np.array_equal(leaf, right == LEAF), "node has one child only")
    inner = ~leaf
    check_children(the, np.flatnonzero(inner), left[inner], right[inner])
    check_features(the, feature[inner], tree.n_features)
    shape = (len(left), tree.n_outputs, tree.max_n_classes)
    the.require(tree.value.shape == shape, "values do not have the shape of its nodes")
    the.dims.update({"in": tree.n_features, "out": tree.n_outputs, "classes": tuple(tree.n_classes.tolist())})


def check_children(
    the: Scope,
    parents: NDArray[np.integer[Any]],
    left: NDArray[np.integer[Any]],
    right: NDArray[np.integer[Any]],
) -> None:
    """Check that both children of each inner node (its index in `parents`) come after it.

    Increasing indices end every path; scikit-learn numbers nodes as it creates them, so its own trees pass.
    """
    count = the.dims["nodes"]
    for children in (left, right):
        ahead = children.astype(np.int64)
        sound = not np.any(ahead <= parents) and not np.any(ahead >= count)
        the.require(sound, "child is not a later node of the tree")


def check_features(the: Scope, features: NDArray[np.integer[Any]], width: int) -> None:
    """Check that every feature index is one of `width` columns."""
    sound = not np.any(features < 0) and not np.any(features >= width)
    the.require(sound, f"node asks for a feature that is not among the model's {width}")


def _of_numbers(the: Scope) -> None:
    """Check that a regression tree has one value for each output."""
    ones = all(count == 1 for count in the["tree_"].n_classes)
    the.require(ones, "tree has classes, and the estimator predicts numbers")


def _bagged(the: Scope) -> None:
    """Check that each estimator takes as many columns as it is given, and that these are the model's."""
    features = the["estimators_features_"]
    the.require(len(features) == len(the["estimators_"]), "estimators are not as many as their features")
    for estimator, columns in zip(the["estimators_"], features, strict=True):
        within = not columns.size or (columns.min() >= 0 and columns.max() < the["n_features_in_"])
        dims = the.part(estimator, fitted=True)
        sound = within and dims.get("in", len(columns)) == len(columns)
        the.require(bool(sound), "estimator takes other columns than it is given")


_GROWN = (
    "ccp_alpha class_weight criterion max_depth max_features max_leaf_nodes min_impurity_decrease "
    "min_samples_leaf min_samples_split min_weight_fraction_leaf monotonic_cst random_state"
)
_MANY = "max_samples n_estimators n_jobs oob_score random_state verbose warm_start"
_TREE = {
    **IN,
    "n_outputs_": Count("out"),
    "max_features_": INTEGER,
    "tree_": Part("Tree", "in out classes"),
}
_FOREST = {
    **IN,
    "n_outputs_": Count("out"),
    "_n_samples": RECORD,
}
_FOREST_RECORDS = (
    "estimator_params _sample_weight _n_samples_bootstrap oob_prediction_ oob_score_ oob_decision_function_"
)
_LABELLED: dict[str, Any] = {"classes_": CLASSES, "n_classes_": CLASS_COUNTS}
_NUMERIC_TREES = "DecisionTreeRegressor ExtraTreeRegressor"
_LABELLED_TREES = "DecisionTreeClassifier ExtraTreeClassifier"
_BAGGED = {
    **IN,
    "estimators_features_": sequence(Array("iu", "*")),
}
_BAGGING_RECORDS = (
    "_n_samples _max_samples _max_features _sample_weight _seeds oob_prediction_ oob_score_ "
    "oob_decision_function_ estimator_params"
)
_WEIGHTS: dict[str, Any] = {"estimator_weights_": Array("f", "*"), "estimator_errors_": Array("f", "*")}


def _boosted(the: Scope) -> None:
    """Check that there is a weight for each estimator."""
    counts = {len(the[name]) for name in ("estimators_", "estimator_weights_", "estimator_errors_")}
    least = len(the["estimators_"])
    the.require(min(counts) >= least >= 1, "estimators have not one weight each")


ROWS: list[Row] = [
    Row(
        "sklearn.tree._tree",
        "Tree",
        "tree",
        {
            "max_depth": INTEGER,
            "node_count": INTEGER,
            "nodes": Array("V", "nodes"),
            "values": Array("f", "nodes * *"),
        },
        frozenset(),
        (check_tree,),
        arguments=together(Plain("int", 1), Array("iu", "out"), Plain("int", 1, limits.OUTPUTS)),
        read=lambda _: {},
    ),
    *row(
        "sklearn.tree._classes",
        _NUMERIC_TREES,
        "regressor",
        f"{_GROWN} splitter",
        rules=(_of_numbers,),
        **_TREE,
    ),
    *row(
        "sklearn.tree._classes",
        _LABELLED_TREES,
        "classifier",
        f"{_GROWN} splitter",
        **_LABELLED,
        **_TREE,
    ),
    *row(
        "sklearn.ensemble._forest",
        "ExtraTreesRegressor RandomForestRegressor",
        "regressor",
        f"{_GROWN} {_MANY} bootstrap",
        _FOREST_RECORDS,
        maybe={"estimator": TEMPLATE, "estimator_": TEMPLATE},
        **_FOREST,
        estimators_=sequence(Part(_NUMERIC_TREES, "in out"), "trees"),
    ),
    *row(
        "sklearn.ensemble._forest",
        "ExtraTreesClassifier RandomForestClassifier",
        "classifier",
        f"{_GROWN} {_MANY} bootstrap",
        _FOREST_RECORDS,
        maybe={"estimator": TEMPLATE, "estimator_": TEMPLATE},
        **_FOREST,
        **_LABELLED,
        estimators_=sequence(Part(_LABELLED_TREES, "in out classes"), "trees"),
    ),
    *row(
        "sklearn.ensemble._bagging",
        "BaggingRegressor",
        "regressor",
        f"{_MANY} bootstrap bootstrap_features estimator max_features",
        _BAGGING_RECORDS,
        maybe={"estimator_": TEMPLATE},
        rules=(_bagged,),
        **_BAGGED,
        estimators_=sequence(Part("regressor")),
    ),
    *row(
        "sklearn.ensemble._bagging",
        "BaggingClassifier",
        "classifier",
        f"{_MANY} bootstrap bootstrap_features estimator max_features",
        _BAGGING_RECORDS,
        maybe={"estimator_": TEMPLATE},
        rules=(_bagged,),
        **_LABELLED,
        **_BAGGED,
        estimators_=sequence(Part("classifier")),
    ),
    *row(
        "sklearn.ensemble._weight_boosting",
        "AdaBoostRegressor",
        "regressor",
        "estimator learning_rate loss n_estimators random_state",
        "estimator_params",
        maybe={"estimator_": TEMPLATE},
        rules=(_boosted,),
        **IN,
        **_WEIGHTS,
        estimators_=sequence(Part("regressor", "in")),
    ),
    *row(
        "sklearn.ensemble._weight_boosting",
        "AdaBoostClassifier",
        "classifier",
        "estimator learning_rate n_estimators random_state",
        "estimator_params",
        maybe={"estimator_": TEMPLATE},
        rules=(_boosted, decisions),
        **IN,
        **_LABELLED,
        **_WEIGHTS,
        estimators_=sequence(Part("classifier", "in")),
    ),
]
