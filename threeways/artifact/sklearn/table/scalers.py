"""Rows of scalers, imputers, selectors and decompositions: one number or row for each feature."""

from __future__ import annotations

from typing import Any

import numpy as np

from threeways.artifact.sklearn.containers import Array
from threeways.artifact.sklearn.forms import PLAIN, Count, Plain, Scope
from threeways.artifact.sklearn.rows import (
    DTYPE,
    IN,
    INTEGER,
    NAMES,
    NONE,
    NUMBER,
    Row,
    row,
    together,
)
from threeways.artifact.sklearn.slots import Function, OneOf, Part
from threeways.artifact.sklearn.table import ordered

_EACH = Array("f", "in")
_MAYBE_EACH = OneOf(NONE, _EACH)
_PAIR = together(NUMBER, NUMBER)


def _check_neighbours(the: Scope) -> None:
    """Check that the donors are numbers, and the mask says which of them are missing."""
    sound = bool(np.array_equal(np.isnan(the["_fit_X"]), the["_mask_fit_X"]))
    the.require(sound or not _is_nan(the["missing_values"]), "donors are missing elsewhere than it says")


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and value != value


_UNIVARIATE = {**IN, "scores_": _EACH}
_SCORES = Function("chi2 f_classif f_regression mutual_info_classif mutual_info_regression r_regression")
_IMPORTANCE = Plain("str", among=("auto", "coef_", "feature_importances_"))
_INDICATOR = OneOf(NONE, Part("MissingIndicator", "in"))

ROWS: list[Row] = [
    *row(
        "sklearn.preprocessing._data",
        "StandardScaler",
        "transformer",
        "copy with_mean with_std",
        "n_samples_seen_",
        **IN,
        mean_=_MAYBE_EACH,
        var_=_MAYBE_EACH,
        scale_=_MAYBE_EACH,
    ),
    *row(
        "sklearn.preprocessing._data",
        "MinMaxScaler",
        "transformer",
        "clip copy feature_range",
        "n_samples_seen_",
        maybe={"feature_range": _PAIR},
        **IN,
        scale_=_EACH,
        min_=_EACH,
        data_min_=_EACH,
        data_max_=_EACH,
        data_range_=_EACH,
    ),
    *row(
        "sklearn.preprocessing._data",
        "MaxAbsScaler",
        "transformer",
        "clip copy",
        "n_samples_seen_",
        **IN,
        scale_=_EACH,
        max_abs_=_EACH,
    ),
    *row(
        "sklearn.preprocessing._data",
        "RobustScaler",
        "transformer",
        "copy quantile_range unit_variance with_centering with_scaling",
        maybe={"quantile_range": _PAIR},
        **IN,
        center_=_MAYBE_EACH,
        scale_=_MAYBE_EACH,
    ),
    *row("sklearn.preprocessing._data", "Normalizer Binarizer", "transformer", "copy norm threshold", **IN),
    *row(
        "sklearn.preprocessing._data",
        "PowerTransformer",
        "transformer",
        "copy method standardize",
        maybe={"_scaler": Part("StandardScaler", "in")},
        **IN,
        lambdas_=_EACH,
    ),
    *row(
        "sklearn.preprocessing._data",
        "QuantileTransformer",
        "transformer",
        "copy ignore_implicit_zeros n_quantiles output_distribution random_state subsample",
        **IN,
        n_quantiles_=Count("quantiles"),
        references_=Array("f", "quantiles", rule=ordered.increasing),
        quantiles_=Array("f", "quantiles in"),
    ),
    *row(
        "sklearn.decomposition._pca",
        "PCA",
        "transformer",
        "copy iterated_power n_components n_oversamples power_iteration_normalizer "
        "random_state svd_solver tol whiten",
        "_fit_svd_solver noise_variance_ n_samples_",
        **IN,
        n_components_=Count("parts"),
        components_=Array("f", "parts in"),
        mean_=_EACH,
        explained_variance_=Array("f", "parts"),
        explained_variance_ratio_=Array("f", "parts"),
        singular_values_=Array("f", "parts"),
    ),
    *row(
        "sklearn.decomposition._truncated_svd",
        "TruncatedSVD",
        "transformer",
        "algorithm n_components n_iter n_oversamples power_iteration_normalizer random_state tol",
        "explained_variance_ explained_variance_ratio_ singular_values_",
        **IN,
        components_=Array("f", "* in"),
    ),
    *row(
        "sklearn.feature_selection._variance_threshold",
        "VarianceThreshold",
        "transformer",
        "threshold",
        **IN,
        variances_=_EACH,
    ),
    *row(
        "sklearn.feature_selection._univariate_selection",
        "SelectKBest SelectPercentile",
        "transformer",
        "k percentile score_func",
        maybe={"score_func": _SCORES},
        **_UNIVARIATE,
        pvalues_=_MAYBE_EACH,
    ),
    *row(
        "sklearn.feature_selection._from_model",
        "SelectFromModel",
        "transformer",
        "estimator importance_getter max_features norm_order prefit threshold",
        maybe={
            **NAMES,
            "importance_getter": _IMPORTANCE,
            "estimator_": Part("regressor classifier", "in"),
            "max_features_": NUMBER,
        },
    ),
    *row(
        "sklearn.feature_selection._rfe",
        "RFE",
        "transformer",
        "estimator importance_getter n_features_to_select step verbose",
        maybe={"importance_getter": _IMPORTANCE},
        **IN,
        estimator_=Part("regressor classifier"),
        n_features_=INTEGER,
        support_=Array("b", "in"),
        ranking_=Array("i", "in"),
    ),
    *row(
        "sklearn.impute._base",
        "SimpleImputer",
        "transformer",
        "add_indicator copy fill_value keep_empty_features missing_values strategy",
        maybe={"_fill_dtype": DTYPE, "_fit_dtype": DTYPE},
        **IN,
        statistics_=Array("biufUO", "in", PLAIN),
        indicator_=_INDICATOR,
    ),
    *row(
        "sklearn.impute._base",
        "MissingIndicator",
        "transformer",
        "error_on_new features missing_values sparse",
        "_precomputed",
        **IN,
        _n_features=Count("in"),
        features_=Array("i", "*", rule=ordered.columns),
    ),
    *row(
        "sklearn.impute._knn",
        "KNNImputer",
        "transformer",
        "add_indicator copy keep_empty_features metric missing_values n_neighbors weights",
        rules=(_check_neighbours,),
        maybe={
            "metric": Plain("str", among=("nan_euclidean",)),
            "weights": Plain("str", among=("uniform", "distance")),
            "n_neighbors": Plain("int", 1),
        },
        **IN,
        _fit_X=Array("f", "rows in"),
        _mask_fit_X=Array("b", "rows in"),
        _valid_mask=Array("b", "in"),
        indicator_=_INDICATOR,
    ),
]
