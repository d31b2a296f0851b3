"""What is not written as ONNX says which part it is, and why."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from export_lab import X, Y
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    PowerTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVR

from threeways.training.export import NotExportable, exported
from threeways.training.flavour import lacking, onnx_of


class Tuned(HistGradientBoostingRegressor):  # type: ignore[misc]  # scikit-learn has no types
    def predict(self, block: Any) -> Any:
        return super().predict(block) + 1


class Own(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    def fit(self, block: Any, target: Any) -> Own:
        self.coef_, self.intercept_ = np.ones(block.shape[1]), 0.0
        return self

    def predict(self, block: Any) -> Any:
        return block.sum(axis=1) + 1


Own.__name__ = "LinearRegression"


class Scaler(StandardScaler):  # type: ignore[misc]  # scikit-learn has no types
    def transform(self, block: Any, copy: bool | None = None) -> Any:
        return super().transform(block) + 1


Scaler.__name__ = "StandardScaler"


def double(block: Any) -> Any:
    return block * 2


def names() -> Any:
    return pd.DataFrame(X, columns=list("abcd"))


def boosting(**given: Any) -> Any:
    return HistGradientBoostingRegressor(max_iter=3, **given)


REFUSED: dict[str, tuple[Any, Any, Any, str]] = {
    "dicts": (
        make_pipeline(DictVectorizer(), Ridge()), [{"a": n} for n in X[:, 0]], Y,
        "takes dicts, .*on the task's columns",
    ),
    "frames": (
        make_pipeline(ColumnTransformer([("a", StandardScaler(), ["a"])]), Ridge()), names(), Y,
        "takes a DataFrame .*columns by position",
    ),
    "categories": (boosting(categorical_features=[1]), X, Y, "has categorical features"),
    "a search": (
        GridSearchCV(Ridge(), {"alpha": [1.0]}), X, Y, "a GridSearchCV is a search; .*best_estimator_",
    ),
    "a search in a pipeline": (
        make_pipeline(StandardScaler(), GridSearchCV(Ridge(), {"alpha": [1.0]})), X, Y, "its best_estimator_",
    ),
    "a subclass": (Tuned(max_iter=3), X, Y, rf"a {__name__}\.Tuned is not among the regressors"),
    "an own class": (Own(), X, Y, rf"a {__name__}\.LinearRegression is not among the regressors"),
    "an own class in a pipeline": (
        make_pipeline(StandardScaler(), Own()), X, Y,
        rf"a {__name__}\.LinearRegression is not among the regressors",
    ),
    "an own class after nothing": (
        make_pipeline("passthrough", Own()), X, Y, rf"a {__name__}\.LinearRegression is not among",
    ),
    "a subclass of a transformer": (
        make_pipeline(Scaler(), Ridge()), X, Y, rf"a {__name__}\.StandardScaler is not among",
    ),
    "another regressor": (SVR(), X, Y, "a SVR is not among the regressors that are written: .*Ridge"),
    "another transformer": (
        make_pipeline(PowerTransformer(), Ridge()), X, Y, "a PowerTransformer is not among",
    ),
    "another classifier": (
        GaussianNB(), X, Y > 9, "a GaussianNB is not among the classifiers that are written: .*Logistic",
    ),
    "a union": (make_pipeline(FeatureUnion([("a", StandardScaler())]), Ridge()), X, Y, "a FeatureUnion is"),
    "a target transformed": (TransformedTargetRegressor(Ridge()), X, Y, "a TransformedTargetRegressor is"),
    "weights": (
        make_pipeline(
            ColumnTransformer([("a", "passthrough", [0, 2])], transformer_weights={"a": 2.0}), Ridge()
        ),
        X, Y, "weights",
    ),
    "a function": (make_pipeline(FunctionTransformer(double), Ridge()), X, Y, "calls a function"),
    "clipping": (make_pipeline(MinMaxScaler(clip=True), Ridge()), X, Y, "clips"),
    "classes": (make_pipeline(TargetEncoder(), Ridge()), X, (Y > 9).astype(int), "encodes classes"),
    "great integers": (
        make_pipeline(TargetEncoder(), Ridge()), X.astype(np.int64) + 2**60, Y, r"integers beyond 2\^53",
    ),
    "booleans": (make_pipeline(TargetEncoder(), Ridge()), X > 2, Y, "are not numbers"),
    "several classes, trees": (
        RandomForestClassifier(3), X, np.c_[Y > 9, Y > 5], "answers 2 classes a row",
    ),
    "a start of its own": (
        GradientBoostingRegressor(init=Ridge(), n_estimators=3), X, Y, "starts from a Ridge",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_written_says_which_part_and_why(name: str) -> None:
    estimator, block, target, why = REFUSED[name]
    fitted = estimator.fit(block, target)
    with pytest.raises(NotExportable, match=why):
        exported(fitted)
    told = onnx_of(fitted, X)
    assert isinstance(told, str)
    assert re.search(why, told)


def test_a_training_says_in_a_short_line_what_is_not_written() -> None:
    told = onnx_of(GaussianNB().fit(X, Y > 9), X)
    assert isinstance(told, str)
    assert lacking(told) == (
        "no ONNX flavour: a GaussianNB is not among the classifiers that are written as graphs. "
        "It is served by scikit-learn"
    )
    assert lacking("it clips") == "no ONNX flavour: it clips. It is served by scikit-learn"


def test_an_estimator_that_was_not_fitted_is_refused() -> None:
    with pytest.raises(NotExportable, match="the Ridge is not fitted; fit it"):
        exported(Ridge())
    with pytest.raises(NotExportable, match="the Ridge is not fitted; fit it"):
        exported(make_pipeline("passthrough", Ridge()))
