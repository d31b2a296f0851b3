"""Every transformer that is written as ONNX, alone and in pipelines, makes what scikit-learn makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from export_lab import HOLES, ROWS, X, Y, require_equal
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from threeways.training.export.transformers import TRANSFORMERS


def boosting() -> Any:
    return HistGradientBoostingRegressor(max_iter=15)


def encoder() -> Any:
    return TargetEncoder(target_type="continuous", cv=KFold(3))


ALONE: dict[str, Callable[[], Any]] = {
    "FunctionTransformer": FunctionTransformer,
    "TargetEncoder": encoder,
    "StandardScaler": StandardScaler,
    "StandardScaler without mean": lambda: StandardScaler(with_mean=False),
    "StandardScaler without deviation": lambda: StandardScaler(with_std=False),
    "StandardScaler of nothing": lambda: StandardScaler(with_mean=False, with_std=False),
    "MinMaxScaler": lambda: MinMaxScaler((-1, 3)),
    "MaxAbsScaler": MaxAbsScaler,
    "RobustScaler": RobustScaler,
    "RobustScaler without center": lambda: RobustScaler(with_centering=False),
    "RobustScaler without scale": lambda: RobustScaler(with_scaling=False),
    "SimpleImputer": SimpleImputer,
    "OneHotEncoder": lambda: OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    "OrdinalEncoder": lambda: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
}
COLUMNS: dict[str, Callable[[], Any]] = {
    "lists, out of order": lambda: ColumnTransformer([("a", encoder(), [1, 0]), ("b", "passthrough", [3])]),
    "slices": lambda: ColumnTransformer([("a", "passthrough", slice(2, 4)), ("b", encoder(), slice(0, 2))]),
    "a mask, and a remainder that is scaled": lambda: ColumnTransformer(
        [("a", encoder(), [True, False, True, False]), ("b", "drop", [1])], remainder=StandardScaler()
    ),
    "a remainder as it is": lambda: ColumnTransformer([("a", encoder(), [2])], remainder="passthrough"),
    "a remainder dropped": lambda: ColumnTransformer([("a", encoder(), [0]), ("b", MinMaxScaler(), [2])]),
    "counted from the end": lambda: ColumnTransformer(
        [("a", encoder(), [-4]), ("b", MinMaxScaler(), [-1, -2])]
    ),
    "a column twice": lambda: ColumnTransformer([("a", encoder(), [0]), ("b", "passthrough", [0, 2])]),
    "chosen by a function": lambda: ColumnTransformer(
        [("a", encoder(), lambda _: [0])], remainder="passthrough"
    ),
    "none": lambda: ColumnTransformer([("a", encoder(), []), ("b", StandardScaler(), [1, 2])]),
    "a pipeline within": lambda: ColumnTransformer(
        [("a", make_pipeline(encoder(), StandardScaler()), [0, 1])], remainder="passthrough"
    ),
    "DataFrames between the steps": lambda: ColumnTransformer(
        [("a", encoder(), [0, 1])], remainder="passthrough"
    ).set_output(transform="pandas"),
}


def test_every_transformer_that_is_written_is_tested_here() -> None:
    assert {name.split()[0] for name in ALONE} == set(TRANSFORMERS)


@pytest.mark.parametrize("name", ALONE)
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64])
def test_a_transformer_makes_the_same_bits_whatever_it_was_fitted_on(
    name: str, kind: type[np.generic]
) -> None:
    block = np.round(X * 4).astype(kind)
    require_equal(
        make_pipeline(ALONE[name](), boosting()).fit(block, Y), np.vstack([np.round(ROWS * 4), ROWS])
    )


@pytest.mark.filterwarnings(
    "ignore:X does not have valid feature names"
)  # DataFrames are made between the steps
@pytest.mark.parametrize("name", COLUMNS)
def test_columns_are_taken_as_the_column_transformer_takes_them(name: str) -> None:
    for regressor in (boosting(), RandomForestRegressor(4, random_state=0)):
        require_equal(make_pipeline(COLUMNS[name](), regressor).fit(X, Y))
    require_equal(make_pipeline(COLUMNS[name](), Ridge()).fit(X, Y), within=1e-12)


@pytest.mark.parametrize(
    "made",
    [
        lambda: Pipeline([("model", boosting())]),
        lambda: Pipeline([("nothing", "passthrough"), ("none", None), ("model", boosting())]),
        lambda: make_pipeline(StandardScaler(), make_pipeline(MinMaxScaler(), boosting())),
        lambda: make_pipeline(make_pipeline(StandardScaler(), "passthrough"), boosting()),
    ],
    ids=["one step", "steps that do nothing", "a pipeline at its end", "a pipeline at its start"],
)
def test_pipelines_of_any_shape_are_written(made: Callable[[], Any]) -> None:
    require_equal(made().fit(X, Y))


@pytest.mark.parametrize("seen", [X, HOLES, X.astype(np.int64)], ids=["floats", "with missing", "integers"])
def test_numbers_that_an_encoder_has_not_seen_get_the_mean(seen: Any) -> None:
    fitted = make_pipeline(encoder(), StandardScaler()).fit(seen[:, :2], Y)
    model = make_pipeline(*[step for _, step in fitted.steps], Ridge())
    model.steps[-1][1].fit(fitted.transform(seen[:, :2]), Y)  # a linear model shows every difference
    odd = [2.5, np.nextafter(2.0, 3), -3.0, -99.0, 99.0, 0.0, -0.0, np.nan, 1e300, 2.0**53 + 2, 5e-324]
    rows = np.array([[one, other] for one in odd for other in odd])
    require_equal(model, rows, within=1e-12)
