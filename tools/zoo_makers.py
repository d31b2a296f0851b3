"""Makers of each of scikit-learn's regressors and classifiers, small ones, and the tables that they fit."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import all_estimators

ROWS = 60
NUMBERS = ["amount", "age", "distance"]
_RANDOM = np.random.default_rng(0)
TABLE = pd.DataFrame({name: _RANDOM.gamma(2, 2, ROWS).round(3) for name in NUMBERS})
MIXED = TABLE.assign(
    age=TABLE["age"].where(_RANDOM.random(ROWS) < 0.9), country=_RANDOM.choice(["de", "fr", "us"], ROWS)
)
NUMBER = (TABLE["amount"] + TABLE["age"] / 2 + _RANDOM.normal(0, 0.1, ROWS)).abs().to_numpy() + 0.1
CLASS = np.array(["low", "mid", "high"])[np.searchsorted(np.quantile(NUMBER, [0.5, 0.66]), NUMBER)]
TWO_NUMBERS = np.column_stack([NUMBER, TABLE["distance"]])
TWO_CLASSES = np.column_stack([CLASS, np.where(TABLE["distance"] > 4, "far", "near")])
BINARY = np.where(CLASS == "high", "high", "low")

_SINGLE = "IsotonicRegression"
"""What fits one column."""
_SEVERAL = {
    "CCA", "PLSCanonical", "MultiOutputRegressor", "RegressorChain", "MultiTaskElasticNet",
    "MultiTaskElasticNetCV", "MultiTaskLasso", "MultiTaskLassoCV", "MultiOutputClassifier", "ClassifierChain",
}  # fmt: skip
"""What is made for several outputs."""
_POSITIVE = {"MultinomialNB", "ComplementNB", "CategoricalNB"}
"""What takes no negative numbers."""
_WITH: dict[str, dict[str, Any]] = {
    "CCA": {"n_components": 1},
    "PLSCanonical": {"n_components": 1},
    "ClassifierChain": {"estimator": LogisticRegression()},
    "FixedThresholdClassifier": {"estimator": LogisticRegression()},
    "TunedThresholdClassifierCV": {"estimator": LogisticRegression()},
    "MultiOutputClassifier": {"estimator": DecisionTreeClassifier(max_depth=3, random_state=0)},
    "MultiOutputRegressor": {"estimator": DecisionTreeRegressor(max_depth=3, random_state=0)},
    "NuSVC": {"nu": 0.1},
    "OneVsOneClassifier": {"estimator": LogisticRegression()},
    "OneVsRestClassifier": {"estimator": LogisticRegression()},
    "OutputCodeClassifier": {"estimator": LogisticRegression(), "random_state": 0},
    "QuadraticDiscriminantAnalysis": {"reg_param": 0.1},
    "RadiusNeighborsClassifier": {"radius": 50.0},
    "RadiusNeighborsRegressor": {"radius": 50.0},
    "RegressorChain": {"estimator": LinearRegression()},
    "SelfTrainingClassifier": {"estimator": LogisticRegression()},
    "StackingClassifier": {
        "estimators": [
            ("a", LogisticRegression()),
            ("b", DecisionTreeClassifier(max_depth=3, random_state=0)),
        ]
    },
    "StackingRegressor": {
        "estimators": [("a", LinearRegression()), ("b", DecisionTreeRegressor(max_depth=3, random_state=0))]
    },
    "VotingClassifier": {
        "estimators": [
            ("a", LogisticRegression()),
            ("b", DecisionTreeClassifier(max_depth=3, random_state=0)),
        ],
        "voting": "soft",
    },
    "VotingRegressor": {
        "estimators": [("a", LinearRegression()), ("b", DecisionTreeRegressor(max_depth=3, random_state=0))]
    },
}
_NO_LIMIT = {"OrthogonalMatchingPursuitCV", "SVC", "NuSVC", "SVR", "NuSVR"}
"""What is fitted to its end."""
_SMALL: dict[str, Any] = {"n_estimators": 3, "max_iter": 50, "random_state": 0}
"""What each gets that has such a parameter."""

type Fitted = tuple[Any, Any]
"""A fitted model and the rows that it is asked for."""


def names(kind: str) -> list[str]:
    """Return the names of scikit-learn's estimators of a kind, "regressor" or "classifier"."""
    return [name for name, _ in all_estimators(kind)]


def made(name: str) -> Any:
    """Return an estimator that has not been fitted."""
    kind = dict(all_estimators(["regressor", "classifier"]))[name]
    taken = kind._get_param_names()  # noqa: SLF001  (what get_params reads before an object is there)
    small = {key: value for key, value in _SMALL.items() if key in taken}
    if name in _NO_LIMIT:
        small.pop("max_iter", None)
    return kind(**(small | _WITH.get(name, {})))


def target(name: str, kind: str) -> Any:
    """Return what an estimator is fitted to: one column or two, numbers or classes."""
    if kind == "regressor":
        return TWO_NUMBERS if name in _SEVERAL else NUMBER
    if name in {"FixedThresholdClassifier", "TunedThresholdClassifierCV"}:
        return BINARY
    if name == "ClassifierChain":
        return (TWO_CLASSES == [["high", "far"]]).astype(int)
    if name in _SEVERAL:
        return TWO_CLASSES
    return CLASS.astype(object) if name == "SelfTrainingClassifier" else CLASS


def plain_frame(name: str, kind: str) -> Fitted:
    """Fit the estimator on a DataFrame of numbers."""
    rows = TABLE[NUMBERS[:1]] if name == _SINGLE else TABLE
    rows = rows.round() if name == "CategoricalNB" else rows
    return _fitted(made(name), rows, target(name, kind)), rows


def plain_array(name: str, kind: str) -> Fitted:
    """Fit the estimator on an array."""
    _, rows = plain_frame(name, kind)
    block = np.ascontiguousarray(rows.to_numpy())
    return _fitted(made(name), block, target(name, kind)), block


def scaled(name: str, kind: str) -> Fitted:
    """Fit a scaler and the estimator on an array."""
    rows = np.ascontiguousarray((TABLE[NUMBERS[:1]] if name == _SINGLE else TABLE).to_numpy())
    scaler: Any = MinMaxScaler() if name in _POSITIVE else StandardScaler()
    return _fitted(make_pipeline(scaler, made(name)), rows, target(name, kind)), rows


def by_columns(name: str, kind: str) -> Fitted:
    """Fit the estimator on numbers, imputed and scaled, and encoded texts, of a DataFrame that lacks some."""
    scaler: Any = MinMaxScaler() if name in _POSITIVE else StandardScaler()
    if name == _SINGLE:
        steps = [(make_pipeline(SimpleImputer(), scaler), ["age"])]
    else:
        steps = [
            (make_pipeline(SimpleImputer(), scaler), NUMBERS),
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["country"]),
        ]
    columns = make_column_transformer(*steps)
    return _fitted(make_pipeline(columns, made(name)), MIXED, target(name, kind)), MIXED


FORMS: dict[str, Callable[[str, str], Fitted]] = {
    "alone, DataFrame": plain_frame,
    "alone, array": plain_array,
    "scaled, array": scaled,
    "by columns, DataFrame": by_columns,
}
"""How each model is fitted."""


def _fitted(model: Any, rows: Any, wanted: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(rows, wanted)
