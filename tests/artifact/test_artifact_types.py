"""A model gets its columns in the types of its signature, as mlflow.pyfunc gives them, or is refused."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from artifact_lab import edit_mlmodel
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PolynomialFeatures, StandardScaler
from types_lab import FORMATS, by_pyfunc, saved, served, typed

from threeways.artifact import check
from threeways.errors import (
    ArtifactError,
    ArtifactMismatch,
    ArtifactUnsupported,
    ModelFailed,
    UnpredictableEvent,
)
from threeways.scoring import tasks
from threeways.scoring.outcomes import Scored
from threeways.scoring.service import ModelService
from threeways.systems.taxi.rides import RideColumns

NAMES = tasks.find("ride_duration").columns
RNG = np.random.default_rng(3)
BLOCK = np.column_stack(
    [
        *(RNG.integers(1, 40, 400) for _ in range(2)),
        RNG.integers(1_001, 40_040, 400),
        RNG.random(400) * 20,
        RNG.integers(0, 1_440, 400),
        RNG.integers(0, 7, 400),
    ]
).astype(np.float64)
MINUTES = BLOCK[:, 3] * 3 + BLOCK[:, 0] % 7 + RNG.random(400)
INTEGERS = dict.fromkeys(NAMES, "int64") | {"trip_distance": "float64"}
"""As pandas has the rides: whole numbers, and the miles."""


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


UNHELD = {
    "long": [3.5, np.nan, np.inf, -np.inf, 2.0**63, -(2.0**63) - 2048],
    "integer": [3.5, np.nan, 2.0**31, -(2.0**31) - 1],
    "float": [1e39, -1e300],
    "boolean": [2.0, 0.5, np.nan, -1.0],
}
HELD = {
    "long": [-3.0, -0.0, -(2.0**63), 2.0**62],
    "integer": [2.0**31 - 1, -(2.0**31)],
    "float": [np.nan, np.inf, 1e-300, 3.66],
    "boolean": [0.0, 1.0],
    "double": [np.nan, np.inf, 1e300],
}


@pytest.mark.parametrize("name", HELD)
def test_what_a_type_cannot_hold_is_refused_naming_the_column_the_value_and_the_type(
    name: str, tmp_path: Path
) -> None:
    signature = ModelSignature(Schema([ColSpec(name, "a"), ColSpec("double", "b")]))
    ridge = HistGradientBoostingRegressor(max_iter=2).fit(BLOCK[:, :2] % 2, MINUTES)
    model = served(saved(tmp_path / "model", ridge, signature=signature))
    held = np.column_stack([HELD[name], np.zeros(len(HELD[name]))])
    assert model.refused(held) == {}
    assert len(model.predict(held)) == len(held)
    for value in UNHELD.get(name, []):
        [(row, why)] = model.refused(np.array([[1.0, 0.5], [value, 0.5]])).items()
        assert (row, str(why)) == (1, f"a is {value!r}, and the model's signature has it as {name}")
        with pytest.raises(UnpredictableEvent, match="a is"):
            model.predict(np.array([[value, 0.5]]))


def rides(block: Any) -> list[Any]:
    task = tasks.find("ride_duration")
    events = [
        {"ride_id": n, "ride": {"PULocationID": int(a), "DOLocationID": int(b), "trip_distance": c}}
        for n, (a, b, c) in enumerate(block)
    ]
    return [msgspec.convert(event, task.event) for event in events]


def test_a_value_that_its_type_cannot_hold_costs_that_ride_only_by_event_and_by_column(
    tmp_path: Path,
) -> None:
    floats = dict.fromkeys(NAMES, "float32")
    fitted = HistGradientBoostingRegressor(max_iter=3).fit(typed(BLOCK, floats), MINUTES)
    folder = saved(tmp_path / "model", fitted, typed(BLOCK, floats))
    model = served(folder)
    check(model, NAMES, {})
    service: ModelService[Any] = ModelService(model, tasks.find("ride_duration"), "1")
    service.prove()
    zones = [[1, 2, 0.5], [3, 4, 1e300], [5, 6, 2.5]]
    now = datetime.now(UTC)
    first, second, third = service.score_events(rides(zones), [now] * 3)
    assert isinstance(first, Scored)
    assert isinstance(third, Scored)
    assert str(second) == "trip_distance is 1e+300, and the model's signature has it as float"
    pickup = np.array(["2021-02-01T08:15"] * 3, dtype="datetime64[us]")
    columns = RideColumns(np.array([1, 3, 5]), np.array([2, 4, 6]), np.array([0.5, 1e300, 2.5]), pickup)
    scores = service.score_columns(columns.by_field())
    assert {row: str(fault) for row, fault in scores.faults.items()} == {1: str(second)}
    assert np.isfinite(scores.values).tolist() == [True, False, True]


def test_a_model_whose_types_cannot_hold_the_example_is_refused_at_the_start(tmp_path: Path) -> None:
    whole = typed(np.round(BLOCK), dict.fromkeys(NAMES, "int64"))
    model = served(saved(tmp_path / "model", Ridge().fit(whole, MINUTES), whole))
    check(model, NAMES, {})
    with pytest.raises(
        ModelFailed, match=r"trip_distance is 3\.66, and the model's signature has it as long"
    ):
        ModelService(model, tasks.find("ride_duration"), "1").prove()


def signatures() -> dict[str, Any]:
    columns = [ColSpec("double", name) for name in NAMES]
    return {
        "string": Schema([ColSpec("string", NAMES[0]), *columns[1:]]),
        "datetime": Schema([ColSpec("datetime", NAMES[0]), *columns[1:]]),
        "binary": Schema([ColSpec("binary", NAMES[0]), *columns[1:]]),
        "tensor of object": Schema([TensorSpec(np.dtype("O"), (-1, 6))]),
        "tensor of str": Schema([TensorSpec(np.dtype("str"), (-1, 6))]),
        "tensor of complex": Schema([TensorSpec(np.dtype("complex128"), (-1, 6))]),
        "takes 2 inputs, tensors of shape": Schema(
            [TensorSpec(np.dtype("f8"), (-1, wide), name) for name, wide in (("a", 2), ("b", 4))]
        ),
        "tensors of shape (-1, 2, 3)": Schema([TensorSpec(np.dtype("f8"), (-1, 2, 3))]),
        "has 5 columns, and it was fitted on 6": Schema([TensorSpec(np.dtype("f8"), (-1, 5))]),
    }  # fmt: skip


@pytest.mark.parametrize("what", signatures())
def test_a_signature_that_a_block_of_numbers_cannot_meet_is_refused_before_the_first_event(
    what: str, tmp_path: Path
) -> None:
    signature = ModelSignature(signatures()[what])
    folder = saved(tmp_path / "model", Ridge().fit(BLOCK, MINUTES), signature=signature)
    with pytest.raises(
        ArtifactError, match=what.removeprefix("tensor of ").replace("(", r"\(").split(")")[0]
    ):
        check(served(folder), NAMES, {})


def test_names_in_two_orders_are_refused_as_one_of_them_is_wrong(tmp_path: Path) -> None:
    frame = typed(BLOCK, INTEGERS)
    turned = ModelSignature(Schema([ColSpec("double", name) for name in NAMES[::-1]]))
    folder = saved(tmp_path / "model", Ridge().fit(frame, MINUTES), signature=turned)
    with pytest.raises(ArtifactMismatch, match="states its columns' order twice"):
        served(folder)
    named = saved(
        tmp_path / "named", Ridge().fit(frame, MINUTES), frame, metadata={"features": list(NAMES[::-1])}
    )
    with pytest.raises(ArtifactMismatch, match="states its columns' order twice"):
        served(named)


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


def warnings_of(folder: Path, caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    check(served(folder), NAMES, {})
    return [record.getMessage() for record in caplog.records if record.name.startswith("threeways")]


def test_what_the_artifact_does_not_tell_is_warned_of_with_the_mend(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frame, ridge = typed(BLOCK, INTEGERS), Ridge()
    order, types = warnings_of(saved(tmp_path / "1", ridge.fit(BLOCK, MINUTES)), caplog)
    assert "names no columns" in order
    assert "PULocationID, DOLocationID, zone_pair" in order
    assert "metadata={'features'" in order
    assert "infer_signature" in types
    [types] = warnings_of(saved(tmp_path / "2", ridge.fit(frame, MINUTES)), caplog)
    assert "has no signature" in types
    [order] = warnings_of(saved(tmp_path / "3", ridge.fit(BLOCK, MINUTES), BLOCK), caplog)
    assert "names no columns" in order
    told: dict[str, Any] = {"metadata": {"features": list(NAMES)}}
    assert not warnings_of(saved(tmp_path / "4", ridge.fit(BLOCK, MINUTES), BLOCK, **told), caplog)
    assert not warnings_of(saved(tmp_path / "5", ridge.fit(frame, MINUTES), frame), caplog)


def test_a_signature_that_is_garbage_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", Ridge().fit(BLOCK, MINUTES), BLOCK)
    edit_mlmodel(folder, '"dtype": "float64", "shape": [-1, 6]', '"dtype": 64, "shape": [-1, 6]')
    with pytest.raises(ArtifactError, match="signature cannot be read"):
        served(folder)
