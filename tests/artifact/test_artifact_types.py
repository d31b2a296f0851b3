"""A model gets its columns in the types of its signature, as mlflow.pyfunc gives them, or is refused."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PolynomialFeatures, StandardScaler
from types_lab import BLOCK, FORMATS, INTEGERS, MINUTES, NAMES, RNG, by_pyfunc, saved, served, typed

from threeways.artifact import check
from threeways.errors import (
    ArtifactUnsupported,
)


def pair_text(rides: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"pair": rides["PULocationID"].astype(str) + "_" + rides["DOLocationID"].astype(str)})


class PairText(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A transformer of one's own, which notes nothing of the names that it was fitted on."""

    def fit(self, rides: Any, _: Any = None) -> Any:
        return self

    def transform(self, rides: Any) -> Any:
        return pair_text(rides)

    def __sklearn_is_fitted__(self) -> bool:
        return True


def zones_by_name() -> Any:
    return ColumnTransformer(
        [
            (
                "pair",
                make_pipeline(FunctionTransformer(pair_text), OneHotEncoder(handle_unknown="ignore")),
                ["PULocationID", "DOLocationID"],
            )
        ],
        remainder="passthrough",
    )


TEXTS: dict[str, Callable[[], Any]] = {
    "columns by name": zones_by_name,
    "a function first": lambda: make_pipeline(
        FunctionTransformer(pair_text), OneHotEncoder(handle_unknown="ignore")
    ),
    "a class of one's own": lambda: make_pipeline(PairText(), OneHotEncoder(handle_unknown="ignore")),
}


@pytest.mark.parametrize("name", TEXTS)
def test_whole_zones_that_become_text_are_the_text_that_the_model_was_trained_on(
    name: str, tmp_path: Path
) -> None:
    frame = typed(BLOCK, INTEGERS)
    folder = saved(tmp_path / "model", make_pipeline(TEXTS[name](), Ridge()).fit(frame, MINUTES), frame)
    model = served(folder)
    check(model, NAMES, {})
    np.testing.assert_allclose(model.predict(BLOCK), by_pyfunc(folder, frame), rtol=1e-12)


@pytest.mark.parametrize("file_format", FORMATS)
def test_float_columns_are_float32_in_every_tree(file_format: str, tmp_path: Path) -> None:
    floats = dict.fromkeys(NAMES, "float32")
    frame = typed(BLOCK, floats)
    fitted = HistGradientBoostingRegressor(max_iter=30).fit(frame, MINUTES)
    folder = saved(tmp_path / "model", fitted, frame, file_format)
    thresholds = np.concatenate([tree.nodes["num_threshold"] for [tree] in fitted._predictors])
    near = np.repeat(BLOCK[:60], 6, axis=0)
    near[:, 3] = RNG.choice(thresholds[thresholds < 20], len(near)) + RNG.normal(size=len(near)) * 1e-8
    assert np.any(
        fitted.predict(pd.DataFrame(near, columns=list(NAMES))) != fitted.predict(typed(near, floats))
    )  # it does make a difference
    np.testing.assert_array_equal(served(folder).predict(near), by_pyfunc(folder, typed(near, floats)))


@pytest.mark.parametrize(
    "dtypes", [("int32", "float32"), ("int64", "float32", "float64"), ("bool", "float32")]
)
def test_columns_of_several_types_are_each_what_it_was_to_scikit_learn(
    dtypes: tuple[str, ...], tmp_path: Path
) -> None:
    """A scaler of a float column computes in float32, of an array that holds all in float64."""
    types = dict(zip(NAMES, dtypes * 6, strict=False))
    block = BLOCK.copy()
    block[:, [at for at, of in enumerate(types.values()) if of == "bool"]] %= 2
    if "int" in dtypes[1]:
        block = np.round(block)
    block[:, 3] = np.round(block[:, 3]) if types["trip_distance"] in {"int32", "int64"} else block[:, 3]
    frame = typed(block, types)
    scaled = ColumnTransformer([("a", StandardScaler(), [1, 3]), ("b", PolynomialFeatures(), [0, 5])])
    folder = saved(tmp_path / "model", make_pipeline(scaled, LinearRegression()).fit(frame, MINUTES), frame)
    np.testing.assert_allclose(served(folder).predict(block), by_pyfunc(folder, frame), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "int64", "int16", "uint8", "bool", "float16"])
def test_an_array_is_of_the_tensor_s_type(dtype: str, tmp_path: Path) -> None:
    class Tells(Ridge):  # type: ignore[misc]  # scikit-learn has no types
        def predict(self, given: Any) -> Any:
            assert (type(given), given.dtype) == (np.ndarray, dtype)
            return super().predict(given)

    block = np.round(BLOCK) % 2 if dtype == "bool" else np.round(BLOCK) % 200
    folder = saved(tmp_path / "model", Tells().fit(block.astype(dtype), MINUTES), block.astype(dtype))
    np.testing.assert_allclose(
        served(folder).predict(block), by_pyfunc(folder, block.astype(dtype)), rtol=1e-12
    )


def test_arrays_of_whole_numbers_need_no_pandas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = typed(BLOCK, INTEGERS)
    model = served(
        saved(tmp_path / "model", make_pipeline(StandardScaler(), Ridge()).fit(frame, MINUTES), frame)
    )
    monkeypatch.setitem(sys.modules, "pandas", None)
    check(model, NAMES, {})
    assert type(model.input_types.convert(BLOCK)) is np.ndarray


def test_a_function_that_needs_a_frame_is_refused_without_pandas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = typed(BLOCK, INTEGERS)
    fitted = make_pipeline(TEXTS["a function first"](), Ridge()).fit(frame, MINUTES)
    model = served(saved(tmp_path / "model", fitted, frame))
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ArtifactUnsupported, match="pandas is not installed"):
        check(model, NAMES, {})


def test_a_block_of_doubles_is_given_as_it_is(tmp_path: Path) -> None:
    model = served(saved(tmp_path / "model", Ridge().fit(BLOCK, MINUTES), BLOCK))
    assert model.input_types.convert(BLOCK) is BLOCK
    assert model.refused(np.full((2, 6), np.nan)) == {}
