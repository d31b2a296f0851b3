"""A refusal of a skops file says what the user can do, and that works."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from artifact_lab import X, Y, copy_of, dump, edit_schema, fitted, load_skops
from sklearn.cluster import KMeans
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import OneClassSVM

from threeways.artifact import load
from threeways.errors import ArtifactUntrusted

pytestmark = pytest.mark.exhaustive

ALPHAS = {"alpha": [0.1, 1.0]}


def grid() -> Any:
    return GridSearchCV(Ridge(), ALPHAS, cv=2)


@pytest.mark.parametrize(
    "search", [grid(), RandomizedSearchCV(Ridge(), ALPHAS, n_iter=2, cv=2)], ids=["grid", "random"]
)
def test_of_a_search_its_best_estimator_is_asked_for_and_served(tmp_path: Path, search: Any) -> None:
    search.fit(X, Y)
    with pytest.raises(
        ArtifactUntrusted, match=r"model is a \w+SearchCV .*; log what .* its best_estimator_$"
    ):
        load_skops(dump(search, tmp_path / "search.skops"))
    folder = copy_of("linear", tmp_path)
    dump(search.best_estimator_, folder / "model.skops")
    assert np.array_equal(load(folder).predict(X), search.predict(X))


def test_of_a_search_in_a_pipeline_too(tmp_path: Path) -> None:
    pipeline = make_pipeline(StandardScaler(), grid()).fit(X, Y)
    with pytest.raises(
        ArtifactUntrusted, match=r"model\.steps\[1\]\[1\] is a GridSearchCV .*best_estimator_, in its place"
    ):
        load_skops(dump(pipeline, tmp_path / "search.skops"))
    pipeline.steps[-1] = ("found", pipeline.steps[-1][1].best_estimator_)
    assert np.array_equal(
        load_skops(dump(pipeline, tmp_path / "found.skops")).predict(X), pipeline.predict(X)
    )


@pytest.mark.parametrize(
    "model", [OneClassSVM(), make_pipeline(StandardScaler(), OneClassSVM())], ids=["alone", "in a pipeline"]
)
def test_an_estimator_without_a_row_is_pointed_to_cloudpickle(tmp_path: Path, model: Any) -> None:
    model.fit(X, np.median(Y) < Y)
    with pytest.raises(ArtifactUntrusted, match="use what is on that list, or log the model with"):
        load_skops(dump(model, tmp_path / "model.skops"))


@pytest.mark.parametrize("part", [Nystroem(n_components=3), KMeans(2, n_init=1)], ids=["step", "model"])
def test_other_parts_of_scikit_learn_are_pointed_to_cloudpickle(tmp_path: Path, part: Any) -> None:
    with pytest.raises(
        ArtifactUntrusted,
        match=rf"{type(part).__name__} \(sklearn\..*use what is on that list, or .*cloudpickle",
    ):
        load_skops(dump(part.fit(X, Y), tmp_path / "model.skops"))


def test_of_a_users_own_function_its_file_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_features.py").write_text("def change(x):\n    return x + 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import own_features  # type: ignore[import-not-found]  # made above

    monkeypatch.delitem(sys.modules, "own_features")
    pipeline = make_pipeline(FunctionTransformer(own_features.change), Ridge()).fit(X, Y)
    with pytest.raises(
        ArtifactUntrusted,
        match=r"a change \(own_features, .*cloudpickle' and pin.*own_features is your own, .*code_paths",
    ):
        load_skops(dump(pipeline, tmp_path / "model.skops"))


def test_the_losses_of_an_older_scikit_learn_are_named_as_that(tmp_path: Path) -> None:
    def age(schema: dict[str, Any]) -> None:
        schema["content"]["content"]["_loss"]["content"]["content"]["closs"]["__module__"] = "_loss"

    path = edit_schema(dump(fitted("boosting"), tmp_path / "model.skops"), age)
    with pytest.raises(ArtifactUntrusted, match="its scikit-learn is too old for skops"):
        load_skops(path)
