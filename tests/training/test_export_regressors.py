"""Every regressor that is written as ONNX says what scikit-learn says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from export_lab import HOLES, RNG, ROWS, X, Y, at_thresholds, graph_of, require_equal
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor, ExtraTreeRegressor
from sklearn.utils import all_estimators

from threeways.training.export import linear
from threeways.training.export.convert import _REGRESSORS

FEW_ULPS = 1e-14
TREES: dict[str, Callable[..., Any]] = {
    "HistGradientBoostingRegressor": lambda **given: HistGradientBoostingRegressor(max_iter=15, **given),
    "RandomForestRegressor": lambda: RandomForestRegressor(8, random_state=0),
    "ExtraTreesRegressor": lambda: ExtraTreesRegressor(8, random_state=0),
    "DecisionTreeRegressor": lambda: DecisionTreeRegressor(random_state=0),
    "ExtraTreeRegressor": lambda: ExtraTreeRegressor(random_state=0),
}
KINDS = dict(all_estimators("regressor"))
LINEAR = [KINDS[name] for name in linear.REGRESSORS if name in KINDS and not name.startswith("MultiTask")]
SEVERAL = [KINDS[name] for name in linear.REGRESSORS if name.startswith("MultiTask")]


def test_every_regressor_that_is_written_is_tested_here() -> None:
    tested = {*TREES, "GradientBoostingRegressor", *(made.__name__ for made in (*LINEAR, *SEVERAL))}
    assert tested | {*linear.GENERALIZED} == set(_REGRESSORS)


@pytest.mark.parametrize("name", TREES)
def test_trees_are_equal_to_the_bit(name: str) -> None:
    require_equal(TREES[name]().fit(X, Y))


@pytest.mark.parametrize("name", TREES)
def test_trees_that_learned_missing_values_send_them_the_same_way(name: str) -> None:
    rows = np.vstack([ROWS, HOLES[:60], np.full((1, 4), np.nan)])
    require_equal(TREES[name]().fit(HOLES, Y), rows)


@pytest.mark.parametrize("name", TREES)
def test_a_split_between_missing_and_any_number_is_written(name: str) -> None:
    block = np.column_stack([np.where(RNG.random(400) < 0.5, np.nan, 1.0), X[:, 2]])
    fitted = TREES[name]().fit(block, np.isnan(block[:, 0]) * 50 + Y)
    require_equal(fitted, np.vstack([block[:100], [[-1e30, 1.0], [1e30, 1.0], [np.nan, 1.0]]]))


@pytest.mark.parametrize("name", TREES)
def test_a_target_that_never_changes_makes_trees_of_one_leaf(name: str) -> None:
    fitted = TREES[name]().fit(X, np.full(len(X), 3.3))
    require_equal(fitted, np.vstack([ROWS, HOLES[:9]]) if "Hist" in name else ROWS)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "quantile"])
def test_boostings_with_an_identity_link_are_equal_to_the_bit(loss: str) -> None:
    fitted = TREES["HistGradientBoostingRegressor"](loss=loss, quantile=0.8 if loss == "quantile" else None)
    require_equal(fitted.fit(HOLES, Y), np.vstack([ROWS, HOLES[:60]]))


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_boostings_with_a_logarithmic_link_are_equal_within_a_few_ulps(loss: str) -> None:
    fitted = TREES["HistGradientBoostingRegressor"](loss=loss)
    require_equal(fitted.fit(HOLES, Y), np.vstack([ROWS, HOLES[:60]]), within=FEW_ULPS)


@pytest.mark.parametrize(
    "given",
    [{"max_leaf_nodes": 2}, {"early_stopping": True}, {"monotonic_cst": [0, 0, 1, 0]}, {"max_bins": 4}],
    ids=str,
)
def test_boostings_of_any_shape_are_equal_to_the_bit(given: dict[str, Any]) -> None:
    require_equal(TREES["HistGradientBoostingRegressor"](**given).fit(X, Y))


@pytest.mark.parametrize("whole", [False, True], ids=["any number", "whole numbers"])
def test_a_histogram_boosting_is_equal_at_its_thresholds(whole: bool) -> None:
    block = np.round(X) if whole else X
    fitted = TREES["HistGradientBoostingRegressor"]().fit(block, Y)
    nodes = np.concatenate([tree.nodes[tree.nodes["is_leaf"] == 0] for [tree] in fitted._predictors])
    require_equal(fitted, at_thresholds(nodes["feature_idx"], nodes["num_threshold"], block))


@pytest.mark.parametrize("scale", [1.0, 3.0, 1e-3])
def test_a_forest_is_equal_at_its_thresholds_which_it_compares_with_float32(scale: float) -> None:
    fitted = TREES["RandomForestRegressor"]().fit(X * scale, Y)
    trees = [tree.tree_ for tree in fitted.estimators_]
    feature, threshold = (
        np.concatenate([getattr(t, part) for t in trees]) for part in ("feature", "threshold")
    )
    inner = feature >= 0
    require_equal(fitted, at_thresholds(feature[inner], threshold[inner], X * scale)[::3])


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile"])
@pytest.mark.parametrize("init", [None, "zero"])
def test_a_gradient_boosting_is_equal_from_wherever_it_starts(loss: str, init: str | None) -> None:
    fitted = GradientBoostingRegressor(loss=loss, init=init, n_estimators=15, random_state=0).fit(X, Y)
    # A compiler may multiply and add in one step in scikit-learn's loop, which rounds once less.
    require_equal(fitted, within=FEW_ULPS)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning", "ignore:Class PassiveAgg")
@pytest.mark.parametrize("made", LINEAR)
def test_linear_models_are_equal_within_a_few_ulps(made: Callable[..., Any]) -> None:
    block = StandardScaler().fit_transform(X)
    require_equal(made().fit(block, Y), within=1e-12)
    if made.__name__ in {"LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet"}:
        require_equal(made(fit_intercept=False).fit(X.astype(np.float32), Y.astype(np.float32)), within=1e-12)


@pytest.mark.parametrize("made", [*SEVERAL, LinearRegression, RandomForestRegressor, DecisionTreeRegressor])
def test_several_outputs_are_several_columns(made: Callable[..., Any]) -> None:
    fitted = made().fit(X, np.column_stack([Y, X[:, 2] * 2]))
    answers, refused = graph_of(fitted).ask(ROWS, "predict")
    np.testing.assert_allclose(answers, fitted.predict(ROWS), rtol=1e-12, atol=1e-12)
    assert not refused.any()


@pytest.mark.parametrize("name", linear.GENERALIZED)
@pytest.mark.parametrize("power", [0, 1.5])
def test_a_generalized_linear_model_is_equal_by_its_link(name: str, power: float) -> None:
    made = KINDS[name](power=power) if name == "TweedieRegressor" else KINDS[name]()
    require_equal(make_pipeline(StandardScaler(), made).fit(X, Y), within=1e-12)


def test_a_row_that_scikit_learn_refuses_is_refused() -> None:
    odd = ROWS[:3].copy()
    odd[1, 2] = 1e300
    forest = graph_of(TREES["RandomForestRegressor"]().fit(X, Y))
    assert forest.ask(odd, "predict")[1].tolist() == [False, True, False]
    odd[2, 0] = np.nan
    assert graph_of(Ridge().fit(X, Y)).ask(odd, "predict")[1].tolist() == [False, False, True]
    with pytest.raises(ValueError, match="takes no such row"):
        forest.predict(odd)


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
@pytest.mark.parametrize("made", [LinearRegression, Ridge, DecisionTreeRegressor, RandomForestRegressor])
def test_a_target_of_one_column_is_one_number_a_row(made: Callable[..., Any]) -> None:
    require_equal(made().fit(X, Y[:, None]), within=1e-12)


def test_numbers_beyond_float32_and_infinities_are_taken_as_the_boosting_takes_them() -> None:
    fitted = TREES["HistGradientBoostingRegressor"]().fit(X, Y)
    odd = np.array([1e300, -1e300, np.inf, -np.inf, 5e-324, -0.0])
    require_equal(fitted, np.vstack([np.where(np.eye(4), value, ROWS[0]) for value in odd]))
