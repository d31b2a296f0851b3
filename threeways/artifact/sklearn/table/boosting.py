"""Rows of both gradient boostings: their compiled loops trust the trees' shapes and indices."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from threeways.artifact.sklearn.containers import Array
from threeways.artifact.sklearn.forms import Count, Plain, Scope
from threeways.artifact.sklearn.rows import (
    ANY,
    FLAG,
    IN,
    INTEGER,
    NONE,
    NUMBER,
    RANDOM,
    RECORD,
    TEMPLATE,
    Row,
    row,
    sequence,
)
from threeways.artifact.sklearn.slots import OneOf, Part
from threeways.artifact.sklearn.table.labels import CLASS_COUNTS, CLASSES
from threeways.artifact.sklearn.table.trees import check_children, check_features
from threeways.errors import ArtifactUnsupported

_BITSET_WORDS = 8
"""A bitset is 8 words of 32 bits: one bit for each of at most 256 categories."""


def _check_stages(the: Scope) -> None:
    """Check that each tree predicts one number: the loop writes as many a row as a stage has trees."""
    for tree in the["estimators_"].ravel():
        dims = the.part(tree, fitted=True)
        sound = dims["in"] == the["n_features_in_"] and dims["out"] == 1
        the.require(sound, "tree is not of the boosting's shape")


def _check_start(the: Scope) -> None:
    """Check the initial estimator: the loop writes one row for each prediction that it makes."""
    start, stage = the["init_"], the["n_trees_per_iteration_"]
    classes = the.dims.get("classes", (1,))
    the.require(stage == (1 if classes == (2,) else classes[0]), "stages have not one tree for each class")
    the.dim("decisions", stage, "stages")
    loss = the["_loss"]
    the.require((loss.n_classes or 1) == max(1, *classes), "loss is of another number of classes")
    if isinstance(start, str):
        return
    if not type(start).__name__.startswith("Dummy"):
        raise ArtifactUnsupported(
            f"a {the.name} starts from a {type(start).__name__} (its `init`), and skops files are served "
            f"with a constant or zero there; leave `init` out, or log the model with "
            f"serialization_format='cloudpickle' and pin MODEL_SHA256"
        )
    dims = the.part(start, fitted=True)
    sound = dims.get("classes", (1,)) == classes and dims["out"] == 1
    the.require(sound, "start is no constant of its own outputs")


def _check_nodes(the: Scope) -> None:
    """Check the nodes and category bitsets of a HistGradientBoosting's tree."""
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE

    nodes = the["nodes"]
    the.require(nodes.dtype == PREDICTOR_RECORD_DTYPE and len(nodes) > 0, "nodes are missing")
    the.require(not np.any(nodes["is_leaf"] > 1), "leaf flag is neither 0 nor 1")
    inner = nodes["is_leaf"] == 0
    split = nodes[inner]
    check_children(the, np.flatnonzero(inner), split["left"], split["right"])
    by_category = split[split["is_categorical"] != 0]
    the.require(the["raw_left_cat_bitsets"].dtype == np.uint32, "categories are no bitsets")
    sound = not np.any(by_category["bitset_idx"] >= len(the["raw_left_cat_bitsets"]))
    the.require(sound, "node asks for categories that are not there")


def _check_hist(the: Scope) -> None:
    """Check a HistGradientBoosting's trees against its columns, and that it is not being fitted."""
    the.require(the["_in_fit"] in {None, False}, "state says that it is being fitted")
    width, stage = the["n_features_in_"], the["n_trees_per_iteration_"]
    classes = the.dims.get("classes", (1,))
    the.require(stage == (1 if classes == (2,) else classes[0]), "stages have not one tree for each class")
    the.dim("decisions", stage, "stages")
    categorical = the["_bin_mapper"].is_categorical_
    # The dtype too: NumPy's functions disagree on the truth of objects and texts.
    the.require(categorical.shape == (width,), "binning is of another number of features")
    for trees in the["_predictors"]:
        the.require(len(trees) == stage, "stages have not as many trees as it says")
        for tree in trees:
            nodes = tree.nodes[tree.nodes["is_leaf"] == 0]
            check_features(the, nodes["feature_idx"], width)
            by_category = nodes[nodes["is_categorical"] != 0]["feature_idx"]
            the.require(bool(np.all(categorical[by_category])), "node asks for a category of a number")
    _check_preprocessor(the, the["_preprocessor"], width)


def _check_preprocessor(the: Scope, preprocessor: Any, width: int) -> None:
    """Check that the preprocessor is None or as `fit` builds it, so that it keeps the number of columns.

    `fit` encodes categorical columns and passes the others through a check. The compiled loop does not check
    the width of the preprocessor's output.
    """
    from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

    if preprocessor is None:
        return
    whole = preprocessor.transformer_weights is None and len(preprocessor.transformers_) >= 2
    the.require(whole, "preprocessor is one that it did not make")
    (_, encoder, encoded), (_, passing, passed), *rest = preprocessor.transformers_
    dropped = all(isinstance(step, str) and step == "drop" for _, step, _ in rest)
    the.require(dropped, "preprocessor has more parts than it was made of")
    the.require(
        all(
            type(mask) is np.ndarray and mask.dtype == np.bool_ and mask.shape == (width,)
            for mask in (encoded, passed)
        ),
        "preprocessor does not take columns by a mask",
    )
    made = type(encoder) is OrdinalEncoder and type(passing) is FunctionTransformer
    the.require(made, "preprocessor has other parts than it was made of")
    indices = preprocessor._transformer_to_input_indices  # noqa: SLF001  (what it takes of a DataFrame)
    by_index = all(
        indices[name] == np.flatnonzero(mask).tolist() for name, _, mask in preprocessor.transformers_[:2]
    )
    keeps = preprocessor.n_features_in_ == width and not np.any(encoded == passed) and by_index
    the.require(bool(keeps), "preprocessor adds or loses columns")
    the.require(
        not passing.kw_args and _passes(passing.func), "preprocessor does more than check its numbers"
    )


def _passes(function: Any) -> bool:
    from sklearn.utils.validation import check_array

    return (
        type(function) is partial
        and function.func is check_array
        and not function.args
        and function.keywords.keys() <= {"dtype", "ensure_all_finite"}
    )


_STAGED = {
    **IN,
    "n_trees_per_iteration_": Count("stage"),
    "max_features_": INTEGER,
    "n_estimators_": Count("stages"),
    "estimators_": Array("O", "stages stage", Part("DecisionTreeRegressor", "in")),
}
_GB_RECORDS = "train_score_ oob_improvement_ oob_scores_ oob_score_"
_HIST = {
    **IN,
    "n_trees_per_iteration_": Count("stage"),
    "_bin_mapper": Part("_BinMapper", "in"),
    "_baseline_prediction": OneOf(NUMBER, Array("f", "1 stage")),
    "_predictors": sequence(sequence(Part("TreePredictor")), "stages"),
    "_preprocessor": OneOf(NONE, Part("ColumnTransformer")),
    "_loss": Part("loss"),
}
_HIST_MAYBE = {
    "_in_fit": FLAG,
    "_fitted_with_sw": FLAG,
    "_feature_subsample_rng": RANDOM,
    "is_categorical_": OneOf(NONE, Array("b", "in")),
    "_is_categorical_remapped": OneOf(NONE, Array("b", "in")),
    "_n_features": Count("in"),
    "categorical_features": RECORD,
    "interaction_cst": RECORD,
    "_scorer": NONE,
    "_label_encoder": Part("LabelEncoder"),
}
_HIST_RECORDS = "_random_seed do_early_stopping_ _use_validation_data train_score_ validation_score_"

ROWS: list[Row] = [
    *row(
        "sklearn.ensemble._gb",
        "GradientBoostingRegressor",
        "regressor",
        "alpha ccp_alpha criterion init learning_rate loss max_depth max_features "
        "max_leaf_nodes min_impurity_decrease min_samples_leaf min_samples_split "
        "min_weight_fraction_leaf n_estimators n_iter_no_change random_state subsample tol "
        "validation_fraction verbose warm_start",
        _GB_RECORDS,
        rules=(_check_stages, _check_start),
        maybe={"init": TEMPLATE, "_rng": RANDOM},
        **_STAGED,
        init_=OneOf(Plain("str", among=("zero",)), Part(ANY, "in")),
        _loss=Part("loss"),
    ),
    *row(
        "sklearn.ensemble._gb",
        "GradientBoostingClassifier",
        "classifier",
        "alpha ccp_alpha criterion init learning_rate loss max_depth max_features "
        "max_leaf_nodes min_impurity_decrease min_samples_leaf min_samples_split "
        "min_weight_fraction_leaf n_estimators n_iter_no_change random_state subsample tol "
        "validation_fraction verbose warm_start",
        _GB_RECORDS,
        rules=(_check_stages, _check_start),
        maybe={"init": TEMPLATE, "_rng": RANDOM},
        **_STAGED,
        classes_=CLASSES,
        n_classes_=CLASS_COUNTS,
        init_=OneOf(Plain("str", among=("zero",)), Part(ANY, "in")),
        _loss=Part("loss"),
    ),
    *row(
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting",
        "HistGradientBoostingRegressor",
        "regressor",
        "categorical_features early_stopping interaction_cst l2_regularization learning_rate "
        "loss max_bins max_depth max_features max_iter max_leaf_nodes min_samples_leaf "
        "monotonic_cst n_iter_no_change quantile random_state scoring tol validation_fraction "
        "verbose warm_start",
        _HIST_RECORDS,
        rules=(_check_hist,),
        maybe=_HIST_MAYBE,
        **_HIST,
    ),
    *row(
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting",
        "HistGradientBoostingClassifier",
        "classifier",
        "categorical_features class_weight early_stopping interaction_cst l2_regularization "
        "learning_rate loss max_bins max_depth max_features max_iter max_leaf_nodes "
        "min_samples_leaf monotonic_cst n_iter_no_change random_state scoring tol "
        "validation_fraction verbose warm_start",
        _HIST_RECORDS,
        rules=(_check_hist,),
        maybe=_HIST_MAYBE,
        **_HIST,
        classes_=CLASSES,
    ),
    *row(
        "sklearn.ensemble._hist_gradient_boosting.predictor",
        "TreePredictor",
        "predictor",
        rules=(_check_nodes,),
        nodes=Array("V", "nodes"),
        binned_left_cat_bitsets=Array("u", f"* {_BITSET_WORDS}"),
        raw_left_cat_bitsets=Array("u", f"* {_BITSET_WORDS}"),
    ),
    *row(
        "sklearn.ensemble._hist_gradient_boosting.binning",
        "_BinMapper",
        "binning",
        "is_categorical known_categories n_bins n_threads random_state subsample",
        "missing_values_bin_idx_ bin_thresholds_ n_bins_non_missing_ is_categorical known_categories",
        is_categorical_=Array("bu", "in"),
    ),
]
