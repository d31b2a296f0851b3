"""Check both gradient boostings: their compiled loops trust the trees' shapes and indices."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.sklearn.trees import check_children, check_features, refuse, width_of
from threeways.errors import ArtifactUnsupported

_BITSET_WORDS = 8
"""A bitset is 8 words of 32 bits: one bit for each of at most 256 categories."""


def check_gradient_boosting(model: Any) -> None:
    """Check that a GradientBoosting has one tree a stage, each with one output and the ensemble's width."""
    from sklearn.tree import DecisionTreeRegressor

    if "estimators_" not in vars(model):
        return
    width = width_of(model)
    stages = model.estimators_
    if type(stages) is not np.ndarray or stages.ndim != 2 or stages.shape[1] != 1:
        refuse("a GradientBoosting's stages are not one tree each")
    for estimator in stages[:, 0]:
        if type(estimator) is not DecisionTreeRegressor:
            refuse("a GradientBoosting's stage is no decision tree")
        tree = estimator.tree_
        if tree.n_features != width or tree.n_outputs != 1 or tree.max_n_classes != 1:
            refuse("a GradientBoosting's tree is not of the boosting's shape")
    _check_start(model)


def _check_start(model: Any) -> None:
    """Check the initial estimator: the compiled loop writes one row for each prediction that it makes."""
    from sklearn.base import BaseEstimator
    from sklearn.dummy import DummyRegressor

    start = model.init_
    dummy = type(start) is DummyRegressor and type(start.n_outputs_) is int and start.n_outputs_ == 1
    zero = type(start) is str and start == "zero" and model.n_trees_per_iteration_ == 1
    if isinstance(start, BaseEstimator) and type(start) is not DummyRegressor:
        raise ArtifactUnsupported(
            f"a GradientBoosting starts from a {type(start).__name__} (its `init`), and skops files are "
            f"served with a constant or zero there; leave `init` out, or log the model with "
            f"serialization_format='cloudpickle' and pin MODEL_SHA256"
        )
    if not dummy and not zero:
        refuse("a GradientBoosting starts from something other than a constant or zero")


def predictors(model: Any) -> Iterator[Any]:
    """Yield the trees of a HistGradientBoosting, stage by stage."""
    for stage in vars(model).get("_predictors", []):
        yield from stage


def check_hist_gradient_boosting(model: Any) -> None:
    """Check a HistGradientBoosting's nodes, category bitsets and preprocessor."""
    if "_predictors" not in vars(model):
        return
    width = width_of(model)
    if vars(model).get("_in_fit", False) is not False:
        refuse("a HistGradientBoosting says that it is being fitted")
    _check_preprocessor(model._preprocessor, width)  # noqa: SLF001  (it decides how wide the loop's input is)
    categorical = _categorical(model._bin_mapper, width)  # noqa: SLF001  (the loop's index of categories)
    for predictor in predictors(model):
        _check_predictor(predictor, categorical)


def _categorical(bin_mapper: Any, width: int) -> NDArray[np.bool_]:
    from sklearn.ensemble._hist_gradient_boosting.binning import _BinMapper

    if type(bin_mapper) is not _BinMapper:
        refuse("a HistGradientBoosting has no binning")
    categorical = bin_mapper.is_categorical_
    # The dtype too: NumPy's functions disagree on the truth of objects and texts.
    if (
        type(categorical) is not np.ndarray
        or categorical.dtype not in {np.dtype(np.uint8), np.dtype(np.bool_)}
        or categorical.shape != (width,)
    ):
        refuse("a HistGradientBoosting does not say for each feature whether it is categorical")
    mask: NDArray[np.bool_] = categorical != 0
    return mask


def _check_predictor(predictor: Any, categorical: NDArray[np.bool_]) -> None:
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

    if type(predictor) is not TreePredictor:
        refuse("a HistGradientBoosting's tree is not a TreePredictor")
    nodes, bitsets = predictor.nodes, predictor.raw_left_cat_bitsets
    if (
        type(nodes) is not np.ndarray
        or nodes.dtype != PREDICTOR_RECORD_DTYPE
        or nodes.ndim != 1
        or not len(nodes)
    ):
        refuse("a HistGradientBoosting's tree has no nodes")
    if np.any(nodes["is_leaf"] > 1):
        refuse("a HistGradientBoosting's leaf flag is neither 0 nor 1")
    inner = nodes["is_leaf"] == 0
    split = nodes[inner]
    check_children(np.flatnonzero(inner), split["left"], split["right"], len(nodes))
    check_features(split["feature_idx"], len(categorical))
    by_category = split[split["is_categorical"] != 0]
    if type(bitsets) is not np.ndarray or bitsets.dtype != np.uint32 or bitsets.shape[1:] != (_BITSET_WORDS,):
        refuse("a HistGradientBoosting's categories are no bitsets")
    if np.any(by_category["bitset_idx"] >= len(bitsets)) or not np.all(
        categorical[by_category["feature_idx"]]
    ):
        refuse("a HistGradientBoosting's node asks for categories that are not there")


def _check_preprocessor(preprocessor: Any, width: int) -> None:
    """Check that the preprocessor is None or as `fit` builds it, so that it keeps the number of columns.

    `fit` encodes categorical columns and passes the others through a check. The compiled loop does not check
    the width of the preprocessor's output.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

    if preprocessor is None:
        return
    if type(preprocessor) is not ColumnTransformer or preprocessor.transformer_weights is not None:
        refuse("a HistGradientBoosting has a preprocessor that it did not make")
    (_, encoder, encoded), (_, passing, passed), *rest = preprocessor.transformers_
    if any(not isinstance(step, str) or step != "drop" for _, step, _ in rest):
        refuse("a HistGradientBoosting's preprocessor has more parts than it was made of")
    masks = (encoded, passed)
    if any(
        type(mask) is not np.ndarray or mask.dtype != np.bool_ or mask.shape != (width,) for mask in masks
    ):
        refuse("a HistGradientBoosting's preprocessor does not take columns by a mask")
    if type(encoder) is not OrdinalEncoder or type(passing) is not FunctionTransformer:
        refuse("a HistGradientBoosting's preprocessor has other parts than it was made of")
    indices = preprocessor._transformer_to_input_indices  # noqa: SLF001  (what it takes of a DataFrame)
    by_index = [
        indices[name] == np.flatnonzero(mask).tolist() for (name, _, mask) in preprocessor.transformers_[:2]
    ]
    if preprocessor.n_features_in_ != width or np.any(encoded == passed) or not all(by_index):
        refuse("a HistGradientBoosting's preprocessor adds or loses columns")
    if passing.kw_args or not _passes(passing.func):
        refuse("a HistGradientBoosting's preprocessor does more than check its numbers")


def _passes(function: Any) -> bool:
    from sklearn.utils.validation import check_array

    return (
        type(function) is partial
        and function.func is check_array
        and not function.args
        and function.keywords.keys() <= {"dtype", "ensure_all_finite"}
    )
