"""Whether a task fits a model, and what a model may answer."""

from __future__ import annotations

import dataclasses
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from artifact_lab import NAMES, X, Y, copy_of, dump, edit_mlmodel, fitted, logged
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from threeways.artifact import Model, check, load
from threeways.errors import ArtifactMismatch, ArtifactUnsupported, ModelFailed
from threeways.scoring import Value

FRAME = pd.DataFrame(X, columns=list(NAMES))
KEYS = {"PU_DO": str, "trip_distance": float}


def loaded(tmp_path: Path, estimator: Any, **metadata: Any) -> Model:
    """The estimator as an artifact without a signature."""
    folder = copy_of("dicts", tmp_path)
    dump(estimator, folder / "model.skops")
    with (folder / "MLmodel").open("a") as file:
        file.write(f"metadata: {metadata}\n")
    return load(folder)


def by_name() -> Any:
    return make_pipeline(
        ColumnTransformer([("s", StandardScaler(), ["distance", "pickup"])]), LinearRegression()
    )


def test_the_tasks_columns_must_be_as_many_as_the_models() -> None:
    check(load(logged("linear")), NAMES, KEYS)
    with pytest.raises(ArtifactMismatch, match="takes 3 columns; the task makes 2: a, b"):
        check(load(logged("linear")), ("a", "b"), KEYS)


def test_named_features_must_be_the_tasks_in_its_order(tmp_path: Path) -> None:
    model = loaded(tmp_path, fitted("linear"), features=list(NAMES))
    assert model.columns == NAMES
    check(model, NAMES, KEYS)
    with pytest.raises(
        ArtifactMismatch, match=r"pickup, dropoff, distance; the task makes .* in another order"
    ):
        check(model, ("distance", "pickup", "dropoff"), KEYS)
    with pytest.raises(ArtifactMismatch, match="the task makes a, b, c; name the task"):
        check(model, ("a", "b", "c"), KEYS)


def test_a_models_dicts_must_be_ones_that_the_task_makes() -> None:
    check(load(logged("dicts")), (), KEYS)
    check(load(logged("dicts")), (), {**KEYS, "more": str})
    with pytest.raises(
        ArtifactMismatch, match=r"dicts with PU_DO, which its task does not make.*trip_distance"
    ):
        check(load(logged("dicts")), (), {"trip_distance": float})


def dicts_model(tmp_path: Path, *dicts: dict[str, Any]) -> Model:
    pipeline = make_pipeline(DictVectorizer(), LinearRegression())
    return loaded(tmp_path, pipeline.fit(list(dicts), range(len(dicts))))


@pytest.mark.parametrize(
    ("dicts", "text"),
    [
        (
            [{"zone": 130, "miles": 3.5}, {"zone": 7, "miles": 1.0}],
            "makes text of zone, .* trained on numbers",
        ),
        (
            [{"zone": "130", "miles": "3"}, {"zone": "7", "miles": "1"}],
            "a number of miles, .* trained on texts",
        ),
    ],
)
def test_a_text_for_a_number_or_a_number_for_a_text_is_refused_where_it_would_be_passed_over(
    tmp_path: Path, dicts: list[dict[str, Any]], text: str
) -> None:
    with pytest.raises(ArtifactMismatch, match=text):
        check(dicts_model(tmp_path, *dicts), (), {"zone": str, "miles": float})


def test_a_key_that_was_a_text_and_a_number_in_training_may_be_either(tmp_path: Path) -> None:
    model = dicts_model(tmp_path, {"zone": 130, "miles": 3.5}, {"zone": "unknown", "miles": 1.0})
    check(model, (), {"zone": str, "miles": float})
    check(model, (), {"zone": float, "miles": float})


def test_a_model_fitted_on_a_frame_that_names_no_column_takes_a_block_quietly(tmp_path: Path) -> None:
    estimator = LinearRegression().fit(FRAME, Y)
    model = loaded(tmp_path, estimator)
    assert (model.input_kind, model.columns) == ("block", NAMES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.allclose(model.predict(X), estimator.predict(FRAME), rtol=1e-12)


def test_a_pipeline_that_names_columns_gets_a_frame_with_its_names(tmp_path: Path) -> None:
    estimator = by_name().fit(FRAME, Y)
    model = loaded(tmp_path, estimator)
    assert (model.input_kind, model.columns) == ("frame", NAMES)
    check(model, NAMES, KEYS)
    expected = estimator.predict(FRAME)
    assert np.allclose(model.predict(X), expected, rtol=1e-12)
    assert np.allclose(model.predict(X[:, ::-1], NAMES[::-1]), expected, rtol=1e-12)


def test_a_pipeline_that_makes_frames_inside_gets_one(tmp_path: Path) -> None:
    pipeline = make_pipeline(StandardScaler(), LinearRegression()).set_output(transform="pandas")
    model = loaded(tmp_path, pipeline.fit(FRAME, Y))
    assert model.input_kind == "frame"
    assert np.allclose(model.predict(X), pipeline.predict(FRAME), rtol=1e-12)


def test_frames_made_inside_keep_their_names_where_a_block_is_taken(tmp_path: Path) -> None:
    pipeline = make_pipeline(StandardScaler(), LinearRegression()).set_output(transform="pandas")
    model = loaded(tmp_path, pipeline.fit(X, Y))
    assert model.input_kind == "block"
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a frame for a model without names, scikit-learn warns
        assert np.allclose(model.predict(X), pipeline.predict(X), rtol=1e-12)


def test_frames_without_pandas_are_refused_with_the_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = make_pipeline(StandardScaler(), LinearRegression()).set_output(transform="pandas")
    model = loaded(tmp_path, pipeline.fit(FRAME, Y))
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ArtifactUnsupported, match="pandas is not installed"):
        check(model, NAMES, KEYS)


def test_a_model_that_takes_text_is_refused_for_a_block_of_numbers(tmp_path: Path) -> None:
    folder = copy_of("linear", tmp_path)
    columns = '[{"type": "string", "name": "PU_DO"}, {"type": "double", "name": "d"}]'
    tensor = '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 3]}}]'
    edit_mlmodel(folder, f"inputs: '{tensor}'", f"inputs: '{columns}'")
    model = load(folder)
    assert model.columns == ("PU_DO", "d")
    with pytest.raises(ArtifactMismatch, match=r"PU_DO \(string\)"):
        check(model, ("PU_DO", "d"), KEYS)


def test_numbered_columns_are_columns_without_names(tmp_path: Path) -> None:
    folder = copy_of("linear", tmp_path)
    columns = ", ".join(f'{{"type": "double", "name": {number}, "required": true}}' for number in range(3))
    tensor = '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 3]}}]'
    edit_mlmodel(folder, f"inputs: '{tensor}'", f"inputs: '[{columns}]'")
    model = load(folder)
    assert (model.columns, model.width) == (None, 3)
    check(model, ("pickup", "dropoff", "distance"), KEYS)


class Answers:
    """Predicts what it is told to."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def predict(self, _: Any) -> Any:
        return self.answer


def test_an_answer_that_is_not_one_number_a_row_is_the_models_fault() -> None:
    model = load(logged("linear"))
    for answer in (np.zeros((2, 2)), np.zeros(3), ["a", "b"], 1.0, None, [[1], [2, 3]]):
        with pytest.raises(ModelFailed):
            Value("y").checked(dataclasses.replace(model, estimator=Answers(answer)).predict(X[:2]), 2)


def test_a_column_of_answers_is_one_number_a_row(tmp_path: Path) -> None:
    model = loaded(tmp_path, LinearRegression().fit(X, Y.reshape(-1, 1)))
    assert Value("y").checked(model.predict(X), len(X)).shape == (len(X),)


def test_what_the_estimator_raises_is_passed_on() -> None:
    with pytest.raises(ValueError, match="NaN"):
        load(logged("linear")).predict(np.full((1, 3), np.nan))
