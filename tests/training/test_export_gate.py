"""The exactness gate: what it lets through, and the smallest changes that it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from export_lab import HOLES, ROWS, X, Y
from onnx import numpy_helper
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder
from sklearn.tree import DecisionTreeRegressor

from threeways.artifact.mlmodel import Gate
from threeways.training.export import GateFailed, exported, gate, passed
from threeways.training.flavour import Onnx, describe, onnx_of


def encoded() -> Any:
    columns = ColumnTransformer(
        [("a", TargetEncoder(target_type="continuous"), [0, 1])], remainder="passthrough"
    )
    return make_pipeline(columns, HistGradientBoostingRegressor(max_iter=15))


MODELS: dict[str, Callable[[], Any]] = {
    "boosting": lambda: HistGradientBoostingRegressor(max_iter=15),
    "forest": lambda: RandomForestRegressor(4, random_state=0),
    "gradient boosting": lambda: GradientBoostingRegressor(n_estimators=10),
    "encoded boosting": encoded,
    "pipeline of one": lambda: make_pipeline(HistGradientBoostingRegressor(max_iter=5)),
    "scaled linear": lambda: make_pipeline(StandardScaler(), LinearRegression()),
}


def attribute(model: onnx.ModelProto, operator: str, name: str) -> Any:
    """The first such attribute in a graph, to be changed."""
    nodes = [node for node in model.graph.node if node.op_type == operator]
    return next(one for one in nodes[0].attribute if one.name == name)


def changed(estimator: Any, operator: str, name: str, change: Callable[[Any], Any]) -> bytes:
    """The estimator's graph with one tensor among its attributes changed."""
    model = onnx.load_model_from_string(exported(estimator))
    tensor = attribute(model, operator, name).t
    array = numpy_helper.to_array(tensor)
    tensor.CopyFrom(numpy_helper.from_array(change(array.copy()), tensor.name))
    return bytes(model.SerializeToString())


def one_moved(place: int, by: Callable[[float], float]) -> Callable[[Any], Any]:
    def change(array: Any) -> Any:
        array[place] = by(array[place])
        return array

    return change


@pytest.mark.parametrize("name", MODELS)
def test_a_sound_graph_is_let_through_and_the_gate_tells_what_it_compared(name: str) -> None:
    fitted = MODELS[name]().fit(X, Y)
    found = passed(exported(fitted), fitted, ROWS)
    assert found.max_difference <= 1e-14
    assert found.rows > len(ROWS)
    assert isinstance(onnx_of(fitted, ROWS), Onnx)


@pytest.mark.parametrize("fitted", [X, HOLES], ids=["numbers", "with missing"])
@pytest.mark.parametrize("up", [False, True], ids=["down", "up"])
def test_any_threshold_moved_by_one_ulp_is_caught_by_what_the_graph_says(
    fitted: Any, up: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = HistGradientBoostingRegressor(max_iter=2, max_leaf_nodes=12).fit(fitted, Y)
    splits = sum(len(tree.nodes) // 2 for [tree] in model._predictors)
    toward = np.inf if up else -np.inf
    for place in range(1, splits + 1):  # the first is the start's
        moved = changed(
            model, "TreeEnsemble", "nodes_splits", one_moved(place, lambda t: float(np.nextafter(t, toward)))
        )
        # as if the converter itself were wrong, so that both graphs are
        monkeypatch.setattr(gate, "exported", lambda _, moved=moved, **given: moved)
        with pytest.raises(GateFailed, match=r"it predicts .* where scikit-learn predicts"):
            passed(moved, model, X[:40])


def test_any_leaf_changed_by_a_millionth_is_caught_by_what_the_graph_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = RandomForestRegressor(2, max_leaf_nodes=10, random_state=0).fit(X, Y)
    for place in range(20):
        moved = changed(model, "TreeEnsemble", "leaf_weights", one_moved(place, lambda value: value + 1e-6))
        monkeypatch.setattr(gate, "exported", lambda _, moved=moved, **given: moved)
        with pytest.raises(GateFailed, match=r"it predicts .* where scikit-learn predicts"):
            passed(moved, model, X[:40])


def test_a_threshold_that_is_a_float32_itself_is_caught_in_a_forest(monkeypatch: pytest.MonkeyPatch) -> None:
    model = DecisionTreeRegressor(max_leaf_nodes=10).fit(np.round(X), Y)  # its thresholds are halves
    for place in range(9):
        moved = changed(
            model, "TreeEnsemble", "nodes_splits", one_moved(place, lambda t: float(np.nextafter(t, -np.inf)))
        )
        monkeypatch.setattr(gate, "exported", lambda _, moved=moved, **given: moved)
        with pytest.raises(GateFailed, match="it predicts"):
            passed(moved, model, X[:40])


@pytest.mark.parametrize("name", ["boosting", "encoded boosting", "forest"])
def test_trees_in_the_file_that_are_not_the_regressor_s_are_caught_wherever_they_are(name: str) -> None:
    fitted = MODELS[name]().fit(X, Y)
    for place in (1, -1):
        moved = changed(
            fitted, "TreeEnsemble", "nodes_splits", one_moved(place, lambda t: float(np.nextafter(t, np.inf)))
        )
        with pytest.raises(GateFailed):
            passed(moved, fitted, X[:5])


@pytest.mark.parametrize("name", ["boosting", "encoded boosting"])
def test_thresholds_in_float32_are_caught(name: str) -> None:
    fitted = MODELS[name]().fit(X, Y)
    rounded = changed(
        fitted, "TreeEnsemble", "nodes_splits", lambda array: array.astype(np.float32).astype(np.float64)
    )
    with pytest.raises(GateFailed):
        passed(rounded, fitted, ROWS)


def test_a_missing_value_sent_the_other_way_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = HistGradientBoostingRegressor(max_iter=3).fit(HOLES, Y)
    model = onnx.load_model_from_string(exported(fitted))
    tracks = attribute(model, "TreeEnsemble", "nodes_missing_value_tracks_true")
    tracks.ints[1] = 1 - tracks.ints[1]
    content = model.SerializeToString()
    monkeypatch.setattr(gate, "exported", lambda _, **given: content)
    with pytest.raises(GateFailed, match="it predicts"):
        passed(content, fitted, X)  # none of these rows lacks anything


@pytest.mark.parametrize("part", ["default_tensor", "values_tensor", "keys_tensor"])
def test_another_default_value_or_category_of_an_encoder_is_caught(part: str) -> None:
    fitted = encoded().fit(X, Y)
    other = changed(fitted, "LabelEncoder", part, one_moved(0, lambda value: value + 20))
    with pytest.raises(GateFailed, match="it predicts"):
        passed(other, fitted, X)


def test_an_intercept_off_by_a_millionth_is_caught() -> None:
    fitted = MODELS["scaled linear"]().fit(X, Y)
    content = exported(fitted)
    fitted[-1].intercept_ += 1e-6
    with pytest.raises(GateFailed, match="it predicts"):
        passed(content, fitted, ROWS)


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_rows_that_scikit_learn_refuses_and_the_graph_answers_are_a_reason_and_no_crash() -> None:
    fitted = MODELS["forest"]().fit(X, Y)
    beyond = ROWS.copy()
    beyond[3, 2] = 1e300
    told = onnx_of(fitted, beyond)
    assert isinstance(told, str)
    assert "refuses" in told
    assert "float32" in told


def test_what_it_found_is_told_in_no_unit_for_it_does_not_know_the_tasks() -> None:
    assert (
        describe(Gate(2e-12, 1500))
        == "within 2.0e-12 of scikit-learn's predictions, on 1,500 rows and thresholds"
    )
    assert describe(Gate(0.0, 10)) == "equal to scikit-learn bit for bit, on 10 rows and thresholds"
