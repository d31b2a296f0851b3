"""Random pipelines over random columns answer for arrays as for a DataFrame, or keep the DataFrame."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor, RandomTreesEmbedding
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeRegressor

from threeways.artifact.inputs import Table
from threeways.artifact.signature import Column
from threeways.artifact.sklearn import positions
from threeways.artifact.tables import TableTypes

ROWS, PIPELINES = 50, 150
TYPES = ("double", "float", "long", "integer", "boolean", "string", "optional")
"""Of columns; optional: a text that may be missing."""
ONE_HOT = OneHotEncoder(handle_unknown="ignore")
ORDINAL = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
OF_NUMBERS: list[Any] = [
    StandardScaler(), RobustScaler(), MaxAbsScaler(), Normalizer(), PolynomialFeatures(), KBinsDiscretizer(3),
    PowerTransformer(), SplineTransformer(n_knots=3), PCA(1), KNNImputer(), SimpleImputer(add_indicator=True),
    SimpleImputer(strategy="constant", fill_value=0), MissingIndicator(features="all"), "passthrough",
    FunctionTransformer(), FunctionTransformer(np.cbrt), ONE_HOT, ORDINAL, TargetEncoder(),
    RandomTreesEmbedding(2, random_state=0), make_pipeline(SimpleImputer(), StandardScaler()),
]  # fmt: skip
OF_TEXTS: list[Any] = [
    ONE_HOT, ORDINAL, OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5), OrdinalEncoder(),
    TargetEncoder(), make_pipeline(SimpleImputer(strategy="most_frequent"), ONE_HOT), "drop",
]  # fmt: skip
OF_ONE_TEXT: list[Any] = [TfidfVectorizer(token_pattern="."), HashingVectorizer(n_features=8)]
LAST: list[Any] = [Ridge(), DecisionTreeRegressor(random_state=0), HistGradientBoostingRegressor(max_iter=2)]


def column(rng: np.random.Generator, of: str, rows: int, *, seen: bool) -> Any:
    """Return a column as a task makes it of events. seen: without a value that no model was fitted on."""
    if of in {"string", "optional"}:
        made = rng.choice(np.array(["a", "b c", "", "ü"] + ["new"] * (not seen), dtype=object), rows)
        made[rng.random(rows) < 0.2 * (of == "optional")] = None
        return made
    numbers: dict[str, Callable[[], Any]] = {
        "double": lambda: rng.normal(size=rows) * 10.0 ** rng.integers(-3, 4),
        "float": lambda: rng.normal(size=rows).astype(np.float32).astype(np.float64),
        "long": lambda: rng.integers(-5, 6, rows) * int(rng.choice([1, 2**40])),
        "integer": lambda: rng.integers(0, 5, rows),
        "boolean": lambda: rng.random(rows) < 0.5,
    }
    made = numbers[of]()
    if made.dtype.kind == "f" and not seen and rng.random() < 0.3:
        made[rng.integers(rows)] = rng.choice([np.nan, np.inf])
    return made


def pipeline(rng: np.random.Generator, types: dict[str, str]) -> Any:
    """Return one that is not fitted, of one to three parts."""
    parts: list[Any] = []
    for place in range(int(rng.integers(1, 4))):
        chosen = [name for name in types if rng.random() < 0.5] or list(types)[:1]
        texts = [name for name in chosen if types[name] == "string"]
        has_texts = texts or any(types[name] == "optional" for name in chosen)
        if texts and rng.random() < 0.2:
            parts.append((f"p{place}", OF_ONE_TEXT[rng.integers(len(OF_ONE_TEXT))], texts[0]))
            continue
        pool = OF_TEXTS if has_texts else OF_NUMBERS
        parts.append((f"p{place}", pool[rng.integers(len(pool))], chosen))
    rest, sparse = str(rng.choice(["drop", "passthrough"])), float(rng.choice([0, 0.3, 1]))
    return make_pipeline(
        ColumnTransformer(copy.deepcopy(parts), remainder=rest, sparse_threshold=sparse),
        copy.deepcopy(LAST[rng.integers(len(LAST))]),
    )


def answer(model: Any, given: Any) -> Any:
    """Return what it predicts, or the type of what it raises."""
    try:
        return model.predict(given)
    except Exception as error:  # noqa: BLE001 - compared
        return type(error)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(3))
def test_arrays_are_answered_as_a_data_frame_is(seed: int) -> None:
    rng, compared = np.random.default_rng(seed), 0
    warnings.simplefilter("ignore")
    while compared < PIPELINES:
        types = {f"c{place}": str(rng.choice(TYPES)) for place in range(int(rng.integers(2, 7)))}
        declared = tuple(
            Column("string" if of == "optional" else of, name, of != "optional") for name, of in types.items()
        )
        as_frame, as_arrays = TableTypes(declared, "frame"), TableTypes(declared, "frame", by_position=True)
        table = Table({name: column(rng, of, ROWS, seen=True) for name, of in types.items()})
        model = pipeline(rng, types)
        try:
            model.fit(as_frame.convert(table), rng.normal(size=ROWS))
        except Exception:  # noqa: BLE001, S112 - such a model cannot be trained
            continue
        rewritten = copy.deepcopy(model)
        if not positions.rewrite(rewritten, list(types), declared):
            continue
        compared += 1
        for rows in (ROWS, 7, 1):
            table = Table({name: column(rng, of, rows, seen=False) for name, of in types.items()})
            expected = answer(model, as_frame.convert(table))
            made = answer(rewritten, as_arrays.convert(table))
            assert type(made) is type(expected), (types, model, made, expected)
            assert not isinstance(made, type) or made is expected, (types, model)
            if not isinstance(made, type):  # a matrix product may sum in another order
                np.testing.assert_allclose(made, expected, rtol=1e-12, err_msg=str((types, model)))
