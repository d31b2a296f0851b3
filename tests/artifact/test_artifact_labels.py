"""Models whose `predict` gives labels are never served as numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from artifact_lab import X, Y
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.ensemble import IsolationForest, RandomForestClassifier, VotingClassifier, VotingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, StandardScaler
from sklearn.svm import OneClassSVM
from types_lab import saved, served

from threeways.artifact import load
from threeways.errors import ArtifactError, ArtifactMismatch, ModelFailed
from threeways.scoring import Value

LABELS = (Y > 15).astype(np.int64)
LOGISTIC = LogisticRegression(max_iter=1000)


class Untold(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier of another library: it has classes, and no tags that say so."""

    def fit(self, _: Any, labels: Any) -> Any:
        self.classes_ = np.unique(labels)
        return self

    def predict(self, rows: Any) -> Any:
        return np.zeros(len(rows), dtype=np.int64)


class Bare:
    """A classifier without a base class or tags of scikit-learn."""

    _estimator_type = "classifier"

    def fit(self, *_: Any) -> Any:
        return self

    def predict(self, rows: Any) -> Any:
        return np.zeros(len(rows))


LABELLED: dict[str, Callable[[], Any]] = {
    "classifier": lambda: LOGISTIC,
    "forest": lambda: RandomForestClassifier(3),
    "pipeline": lambda: make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), LOGISTIC)),
    "search": lambda: GridSearchCV(make_pipeline(StandardScaler(), LOGISTIC), {}, cv=2),
    "voting": lambda: VotingClassifier([("a", LOGISTIC), ("b", RandomForestClassifier(2))]),
    "calibrated": lambda: CalibratedClassifierCV(LOGISTIC, cv=2),
    "threshold": lambda: TunedThresholdClassifierCV(LOGISTIC, cv=2),
    "frozen": lambda: FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, LABELS)),
    "clusters": lambda: KMeans(2),
    "clusters in a pipeline": lambda: make_pipeline(StandardScaler(), KMeans(2)),
    "outliers": lambda: IsolationForest(n_estimators=3),
    "one class": OneClassSVM,
    "mixture": lambda: GaussianMixture(2),
    "of another library": Untold,
    "of another library in a pipeline": lambda: make_pipeline(StandardScaler(), Untold()),
    "without scikit-learn": Bare,
    "without scikit-learn in a pipeline": lambda: make_pipeline(StandardScaler(), Bare()),
}


@pytest.mark.parametrize("name", LABELLED)
def test_labels_are_no_number_that_a_task_predicts(name: str, tmp_path: Path) -> None:
    model = served(saved(tmp_path / "model", LABELLED[name]().fit(X, LABELS), X))
    assert model.answers.labels
    with pytest.raises(ArtifactMismatch, match=r"the model answers labels.*TASK=t predicts a number, y"):
        Value("y").bound(model.answers, "t")


@pytest.mark.parametrize("estimator", [KMeans(2), IsolationForest()])
def test_in_skops_the_mend_is_not_to_log_the_same_otherwise(estimator: Any, tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", make_pipeline(StandardScaler(), estimator).fit(X, LABELS), X, "skops")
    with pytest.raises(ArtifactError, match="not on the allow-list"):
        load(folder)


def test_a_regressor_with_binned_columns_or_integers_for_target_is_served(tmp_path: Path) -> None:
    fitted = make_pipeline(KBinsDiscretizer(3), VotingRegressor([("a", Ridge()), ("b", LinearRegression())]))
    folder = saved(tmp_path / "model", fitted.fit(X, LABELS), X)
    assert served(folder).predict(X).shape == (300,)


@pytest.mark.parametrize(
    "output",
    [ColSpec("string"), ColSpec("boolean"), *(TensorSpec(np.dtype(of), (-1,)) for of in ("bool", "str"))],
)
def test_a_signature_that_answers_no_number_is_one_of_labels(output: Any, tmp_path: Path) -> None:
    inputs = Schema([TensorSpec(np.dtype("float64"), (-1, 3))])
    signature = ModelSignature(inputs, Schema([output]))
    model = served(saved(tmp_path / "model", Ridge().fit(X, Y), signature=signature))
    with pytest.raises(ArtifactMismatch, match="answers labels"):
        Value("y").bound(model.answers, "t")


class Answers:
    """Predicts what it is told to."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def predict(self, _: Any) -> Any:
        return self.answer


@pytest.mark.parametrize(
    "answer",
    [
        np.array([True, False]),
        np.array(["1", "2"]),
        np.array(["1", "2"], dtype=object),
        np.array([1.5, "2"], dtype=object),
        [True, False],
        np.array([True, 2], dtype=object),
        np.array([b"1", b"2"]),
        np.array([b"1", b"2"], dtype=object),
        np.array([1 + 2j, 2]),
        np.array(["2021-02-01", "2021-02-02"], dtype="datetime64[s]"),
    ],
    ids=repr,
)
def test_answers_that_only_look_like_numbers_are_none(answer: Any, tmp_path: Path) -> None:
    model = served(saved(tmp_path / "model", Ridge().fit(X, Y), X))
    with pytest.raises(ModelFailed):
        Value("y").checked(dataclasses.replace(model, estimator=Answers(answer)).predict(X[:2]), 2)
