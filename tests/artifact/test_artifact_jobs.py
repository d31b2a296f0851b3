"""Whatever a model's `n_jobs`, its answers repeat to the last bit, and a row's are the same in any batch."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from artifact_lab import X, Y
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    BaggingRegressor,
    ExtraTreesRegressor,
    RandomForestRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeRegressor
from types_lab import saved, served


def forest(trees: int = 40) -> Any:
    return RandomForestRegressor(trees, max_depth=8, random_state=0, n_jobs=-1)


class Holds(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A class of one's own with a forest inside, out of scikit-learn's sight."""

    def fit(self, rows: Any, minutes: Any) -> Any:
        self.inside = {"forest": [forest().fit(rows, minutes)]}
        return self

    def predict(self, rows: Any) -> Any:
        return self.inside["forest"][0].predict(rows)


def closed_over() -> Any:
    """A function that has a forest in its closure."""
    fitted = forest().fit(X, Y)
    return make_pipeline(
        FunctionTransformer(lambda rows: fitted.predict(rows).reshape(-1, 1)), LinearRegression()
    )


PARALLEL: dict[str, Callable[[], Any]] = {
    "forest": forest,
    "extra trees": lambda: ExtraTreesRegressor(40, max_depth=8, random_state=0, n_jobs=2),
    "pipeline": lambda: make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), forest())),
    "voting": lambda: VotingRegressor([("a", forest(30)), ("b", forest(20))], n_jobs=2),
    "stacking": lambda: StackingRegressor([("a", forest(30))], forest(10), cv=2, n_jobs=2),
    "bagging": lambda: BaggingRegressor(forest(10), 3, n_jobs=2, random_state=0),
    "bagging of trees": lambda: BaggingRegressor(DecisionTreeRegressor(), 30, n_jobs=2, random_state=0),
    "target": lambda: TransformedTargetRegressor(forest(), func=np.log1p, inverse_func=np.expm1),
    "search": lambda: GridSearchCV(forest(), {}, cv=2),
    "columns": lambda: make_pipeline(
        ColumnTransformer([("a", StandardScaler(), [0, 1]), ("b", "passthrough", [2])], n_jobs=2),
        FeatureUnion([("a", StandardScaler()), ("b", StandardScaler())], n_jobs=2),
        DecisionTreeRegressor(random_state=0),
    ),
    "a class of one's own": Holds,
    "a function of one's own": closed_over,
}


@pytest.mark.parametrize("name", PARALLEL)
def test_an_estimator_with_jobs_answers_the_same_to_the_last_bit_each_time(name: str, tmp_path: Path) -> None:
    with joblib.parallel_config(backend="threading"):  # to fit it without processes
        fitted = PARALLEL[name]().fit(X, Y)
    model = served(saved(tmp_path / "model", fitted, X))
    first = model.predict(X)
    assert {model.predict(X).tobytes() for _ in range(6)} == {first.tobytes()}
    alone = np.concatenate([model.predict(X[at : at + 1]) for at in range(10)])
    assert alone.tobytes() == first[:10].tobytes()


class CountsWorkers(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Predicts how many processes and threads its jobs ran in."""

    def predict(self, rows: Any) -> Any:
        found = joblib.Parallel(n_jobs=4)(joblib.delayed(_worker)() for _ in range(8))
        return np.full(len(rows), len({*found, _worker()}))


def _worker() -> tuple[int, int]:
    return os.getpid(), threading.get_ident()


def test_no_thread_and_no_process_is_started_for_jobs(tmp_path: Path) -> None:
    assert served(saved(tmp_path / "model", CountsWorkers(), X)).predict(X[:1]).tolist() == [1]
