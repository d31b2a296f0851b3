"""The gate gives the two models what they get when served, in the types of the signature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from artifact_lab import edit_mlmodel
from export_lab import ROWS, X, Y
from mlflow.models import Model
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler, TargetEncoder
from sklearn.tree import DecisionTreeRegressor
from types_lab import by_pyfunc, saved, served, typed

from threeways.artifact import load
from threeways.artifact.input_types import of_columns
from threeways.errors import ArtifactUnsupported
from threeways.training import flavour
from threeways.training.export import exported, passed
from threeways.training.flavour import Onnx, onnx_of

FLOATS = dict.fromkeys("abcd", "float32")
RIDES = {"a": "int64", "b": "int32", "c": "float64", "d": "float32"}


def trees() -> Any:
    return HistGradientBoostingRegressor(max_iter=15)


def encoded() -> Any:
    zones = [("zones", TargetEncoder(target_type="continuous"), [0, 1])]
    return make_pipeline(ColumnTransformer(zones, remainder="passthrough"), trees())


def with_graph(folder: Path, fitted: Any, types: dict[str, str]) -> Onnx | str:
    """The artifact, and its graph in it where there is one, as `export` writes it."""
    model = served(saved(folder, fitted, typed(X, types)))
    onnx = onnx_of(model.estimator, ROWS, model.input_types)
    if isinstance(onnx, Onnx):
        flavour.add(folder, Model.load(str(folder)), onnx)
    return onnx


@pytest.mark.parametrize("types", [FLOATS, RIDES], ids=["floats", "mixed"])
@pytest.mark.parametrize("make", [trees, encoded, lambda: RandomForestRegressor(3, random_state=0)])
def test_a_graph_of_a_typed_model_says_what_pyfunc_says_near_every_threshold(
    make: Any, types: dict[str, str], tmp_path: Path
) -> None:
    fitted = make().fit(typed(X, types), Y)
    onnx = with_graph(tmp_path / "model", fitted, types)
    assert isinstance(onnx, Onnx)
    assert onnx.gate.typed
    assert onnx.gate.max_difference == 0
    rows = np.repeat(X, 5, axis=0)
    rows[:, 2:] += np.tile([0, 1e-8, -1e-8, 3e-8, 1e-9], len(X))[:, None]
    graph = load(tmp_path / "model", runtime="onnx")
    np.testing.assert_array_equal(graph.predict(rows), by_pyfunc(tmp_path / "model", typed(rows, types)))
    [why] = graph.refused(np.array([[1.0, 1.0, 1.0, 1e300]])).values()
    assert "d is 1e+300" in str(why)


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler()], ids=lambda one: type(one).__name__)
def test_a_scaler_that_computes_in_float32_is_no_graph_though_few_rows_show_it(
    scaler: Any, tmp_path: Path
) -> None:
    tree = make_pipeline(scaler, DecisionTreeRegressor(max_leaf_nodes=3)).fit(typed(X, FLOATS), Y)
    told = with_graph(tmp_path / "model", tree, FLOATS)
    assert isinstance(told, str)
    assert "compute in the types of the signature" in told
    # of the same model in float64 it is one
    assert isinstance(onnx_of(make_pipeline(scaler, trees()).fit(X, Y), ROWS), Onnx)


def test_a_linear_model_that_computes_in_float32_is_no_graph(tmp_path: Path) -> None:
    fitted = LinearRegression().fit(typed(X, FLOATS), Y)
    assert isinstance(with_graph(tmp_path / "model", fitted, FLOATS), str)


def test_rows_that_no_model_of_these_types_gets_are_not_compared() -> None:
    whole = of_columns([("int64", "long")] * 4)
    fitted = trees().fit(np.round(X).astype(np.int64), Y)
    content = exported(fitted)
    few = np.vstack([np.round(X[:30]), X[:30] + 0.5])
    assert passed(content, fitted, few, whole).rows == passed(content, fitted, few[:30], whole).rows
    told = onnx_of(fitted, X + 0.25, whole)
    assert told == "no row that it is compared on fits the types of the model's signature"


def test_a_gate_that_compared_in_float64_does_not_count_for_a_signature_of_others(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    onnx = with_graph(folder, trees().fit(typed(X, FLOATS), Y), FLOATS)
    assert isinstance(onnx, Onnx)
    assert served(folder).runtime == "onnx"
    edit_mlmodel(folder, "typed: true", "typed: false")
    assert served(folder).runtime == "sklearn"
    with pytest.raises(ArtifactUnsupported, match="no onnx flavour that passed the exactness gate"):
        load(folder, runtime="onnx")


def test_an_older_gate_counts_for_a_signature_in_float64(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    doubles = dict.fromkeys("abcd", "float64")
    assert isinstance(with_graph(folder, trees().fit(typed(X, doubles), Y), doubles), Onnx)
    edit_mlmodel(folder, "    typed: true\n", "")
    assert served(folder).runtime == "onnx"


def test_the_gate_runs_jobs_one_after_the_other() -> None:
    fitted = RandomForestRegressor(40, max_depth=6, random_state=0, n_jobs=2).fit(X, Y)
    found = [onnx_of(fitted, ROWS) for _ in range(5)]
    assert {one.gate.max_difference for one in found if isinstance(one, Onnx)} == {0}
    assert len(found) == 5
