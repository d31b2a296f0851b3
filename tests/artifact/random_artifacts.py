"""Artifacts by chance: any estimator, any types, any format, and what pyfunc gets for the same rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import ensemble, linear_model, neighbors, svm, tree
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.decomposition import PCA
from sklearn.dummy import DummyRegressor
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import Nystroem
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from types_lab import FORMATS, saved, typed

ROWS = 60
NAMES = ("pickup", "dropoff", "pair", "miles", "minute")
TYPES = ("int64", "int32", "float32", "float64", "bool")


def to_text(rows: Any) -> Any:
    """Each row's values as one text: whether a number is whole makes a difference to it."""
    return pd.DataFrame({"text": pd.DataFrame(rows).astype(str).agg("_".join, axis=1)})


def half(rows: Any) -> Any:
    """In whatever type it comes."""
    return rows / 2


class Halves(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A transformer of one's own that notes nothing of what it is fitted on."""

    def fit(self, *_: Any) -> Any:
        self.fitted_ = True
        return self

    def transform(self, rows: Any) -> Any:
        return half(rows)


REGRESSORS: tuple[Callable[[], Any], ...] = (
    linear_model.LinearRegression,
    linear_model.Ridge,
    lambda: linear_model.Lasso(0.01),
    linear_model.BayesianRidge,
    linear_model.HuberRegressor,
    lambda: linear_model.RANSACRegressor(random_state=0),
    lambda: tree.DecisionTreeRegressor(random_state=0),
    lambda: ensemble.RandomForestRegressor(8, n_jobs=-1, random_state=0),
    lambda: ensemble.ExtraTreesRegressor(8, n_jobs=2, random_state=0),
    lambda: ensemble.GradientBoostingRegressor(n_estimators=8, random_state=0),
    lambda: ensemble.HistGradientBoostingRegressor(max_iter=8, min_samples_leaf=3),
    lambda: ensemble.BaggingRegressor(n_estimators=4, random_state=0),
    lambda: ensemble.AdaBoostRegressor(n_estimators=4, random_state=0),
    lambda: neighbors.KNeighborsRegressor(3),
    svm.SVR,
    lambda: MLPRegressor((4,), max_iter=30, random_state=0),
    DummyRegressor,
    lambda: ensemble.VotingRegressor([("a", linear_model.Ridge()), ("b", tree.DecisionTreeRegressor())]),
    lambda: ensemble.StackingRegressor(
        [("a", tree.DecisionTreeRegressor())], linear_model.Ridge(), cv=2, passthrough=True
    ),
    lambda: TransformedTargetRegressor(linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1),
    lambda: GridSearchCV(linear_model.Ridge(), {"alpha": [1, 2]}, cv=2),
)  # fmt: skip
LABELLERS: tuple[Callable[[], Any], ...] = (
    lambda: ensemble.RandomForestClassifier(3, random_state=0),
    lambda: linear_model.LogisticRegression(max_iter=50),
    lambda: KMeans(2, n_init=1),
    lambda: ensemble.IsolationForest(n_estimators=3, random_state=0),
)
TRANSFORMERS: tuple[Callable[[], Any], ...] = (
    StandardScaler,
    MinMaxScaler,
    RobustScaler,
    Normalizer,
    PowerTransformer,
    lambda: QuantileTransformer(n_quantiles=10),
    lambda: PolynomialFeatures(2),
    lambda: PCA(1),
    lambda: KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"),
    VarianceThreshold,
    SimpleImputer,
    lambda: Nystroem(n_components=5, random_state=0),
    lambda: OneHotEncoder(handle_unknown="ignore"),
    lambda: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    lambda: TargetEncoder(target_type="continuous", cv=2),
    lambda: FunctionTransformer(np.square),
    lambda: FunctionTransformer(half),
    lambda: FunctionTransformer(np.expm1, validate=True),
    lambda: make_pipeline(FunctionTransformer(to_text), OneHotEncoder(handle_unknown="ignore")),
    Halves,
    lambda: FeatureUnion([("a", StandardScaler()), ("b", FunctionTransformer(half))]),
    lambda: "passthrough",
)


@dataclass(frozen=True, slots=True)
class Artifact:
    """What was made: the folder, rows as a block, and the same rows as pyfunc takes them."""

    folder: Path
    what: str
    block: NDArray[np.float64]
    rows: Any


def made(seed: int, folder: Path) -> Artifact | None:
    """The artifact of a seed; None where scikit-learn itself cannot fit that, or pyfunc cannot save it."""
    rng = np.random.default_rng(seed)
    of_frame = rng.random() < 0.7
    dtypes = _types(rng, several=of_frame)
    block = _block(rng, dtypes)
    rows: Any = typed(block, dtypes)
    rows = rows if of_frame else np.ascontiguousarray(rows.to_numpy())
    if of_frame and rng.random() < 0.15:
        rows.columns = range(rows.shape[1])
    labels = rng.random() < 0.1
    target = (block @ rng.random(block.shape[1]) + rng.random(len(block))) / 50
    target = (target > np.median(target)).astype(int) if labels else target
    names = list(dtypes) if of_frame and isinstance(rows.columns[0], str) else []
    estimator = _estimator(rng, names, labels)
    has_signature = rng.random() < 0.9
    fitted_on = rows if rng.random() < 0.9 or not of_frame else rows.to_numpy().astype(np.float64)
    file_format = FORMATS[int(rng.random() < 0.6)]
    what = f"seed {seed}: {estimator} on {dtypes}, {type(rows).__name__}, {file_format}"
    frames = names and rng.random() < 0.1
    try:
        if frames and hasattr(estimator, "set_output"):
            estimator.set_output(transform="pandas")
        fitted = estimator.fit(fitted_on, target)
        fitted.predict(rows)
        saved(folder, fitted, rows if has_signature else None, file_format)
    except Exception:  # noqa: BLE001  (whatever scikit-learn does not take in this combination)
        return None
    if not has_signature:  # nobody can know that they were of other types
        rows = pd.DataFrame(block, columns=rows.columns) if of_frame else block
    return Artifact(folder, what, block, rows)


def _types(rng: np.random.Generator, *, several: bool) -> dict[str, str]:
    """The columns' names and types: all of one, or, where there may be several, each by chance."""
    names = NAMES[: int(rng.integers(2, 6))]
    one = [str(rng.choice(TYPES))] * len(names)
    kinds = rng.choice(TYPES, len(names)).tolist() if several and rng.random() < 0.6 else one
    return dict(zip(names, kinds, strict=True))


def _block(rng: np.random.Generator, dtypes: dict[str, str]) -> NDArray[np.float64]:
    """Values that are the types' own, or of a float ones that it rounds."""
    drawn = {"bool": lambda: rng.integers(0, 2, ROWS)}
    drawn |= dict.fromkeys(("int64", "int32"), lambda: rng.integers(0, 12, ROWS))
    return np.column_stack([drawn.get(of, lambda: rng.random(ROWS) * 9)() for of in dtypes.values()]) * 1.0


def _estimator(rng: np.random.Generator, names: list[str], labels: bool) -> Any:
    last = LABELLERS if labels else REGRESSORS
    final = last[int(rng.integers(len(last)))]()
    steps = [TRANSFORMERS[int(rng.integers(len(TRANSFORMERS)))]() for _ in range(int(rng.integers(0, 3)))]
    if rng.random() < 0.5:
        inner = make_pipeline(*steps) if steps else StandardScaler()
        steps = [ColumnTransformer([("some", inner, _choice(rng, names))], remainder="passthrough")]
    return make_pipeline(*steps, final) if steps else final


def _choice(rng: np.random.Generator, names: list[str]) -> Any:
    """Columns by name, by place, by a mask, or by type."""
    choices: list[Any] = [[0, 1], [True, *[False] * (len(names) - 1)] if names else [0], slice(0, 1)]
    choices += [names[:2], make_column_selector(dtype_include=np.number)] if names else []
    return choices[int(rng.integers(len(choices)))]
