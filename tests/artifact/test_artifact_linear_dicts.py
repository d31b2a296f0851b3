"""A linear model behind a DictVectorizer, added up without the matrix: equal to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline

from threeways.artifact.sklearn.linear_dicts import LinearDicts, optimized

RANDOM = np.random.default_rng(0)
ROWS: list[dict[str, Any]] = [
    {
        "PU_DO": f"{RANDOM.integers(4)}_{RANDOM.integers(4)}",
        "trip_distance": float(RANDOM.exponential(3)),
        "hour": int(RANDOM.integers(24)),
        "payment": str(RANDOM.choice(["card", "cash"])),
    }
    for _ in range(300)
]
MINUTES = np.array([row["trip_distance"] * 4 + row["hour"] for row in ROWS]) + RANDOM.normal(size=300)
PIPELINES = [
    make_pipeline(vectorizer, model).fit(ROWS, MINUTES)
    for vectorizer in (
        DictVectorizer(),
        DictVectorizer(sparse=False),
        DictVectorizer(separator="/", sort=False),
    )
    for model in (LinearRegression(), LinearRegression(fit_intercept=False), Ridge(0.1))
]
SPARSE = [one for one in PIPELINES if one[0].sparse]

row = st.dictionaries(
    st.sampled_from(["PU_DO", "trip_distance", "hour", "payment", "payment=card", "unknown"]),
    st.sampled_from(["0_0", "3_2", "9_9", "card", "cash", ""])
    | st.floats(-1e6, 1e6)
    | st.integers(-(10**6), 10**6),
    max_size=6,
)


@pytest.mark.parametrize("pipeline", SPARSE, ids=str)
@given(rows=st.lists(row, min_size=1, max_size=20))
def test_the_sums_are_those_of_the_sparse_product_to_the_last_bit(
    pipeline: Pipeline, rows: list[dict[str, Any]]
) -> None:
    quicker = optimized(pipeline)
    assert isinstance(quicker, LinearDicts)
    assert quicker.predict(rows).tolist() == pipeline.predict(rows).tolist()


texts = st.sampled_from(["0_0", "3_2", "9_9", "card", ""])
numbers = st.floats(-1e6, 1e6) | st.integers(-(10**20), 10**20)
alike = st.lists(
    st.sampled_from(["PU_DO", "trip_distance", "payment=card", "unknown"]), max_size=2, unique=True
)


@pytest.mark.parametrize("pipeline", SPARSE, ids=str)
@given(names=alike, data=st.data())
def test_rows_of_the_same_names_are_added_up_by_column_to_the_same_bits(
    pipeline: Pipeline, names: list[str], data: st.DataObject
) -> None:
    rows = st.fixed_dictionaries({name: data.draw(st.sampled_from([texts, numbers])) for name in names})
    given_rows = data.draw(st.lists(rows, min_size=1, max_size=20))
    assert optimized(pipeline).predict(given_rows).tolist() == pipeline.predict(given_rows).tolist()


@pytest.mark.parametrize("pipeline", PIPELINES, ids=str)
def test_a_dense_product_differs_by_no_more_than_its_own_rounding(pipeline: Pipeline) -> None:
    assert np.max(np.abs(optimized(pipeline).predict(ROWS) - pipeline.predict(ROWS))) < 1e-12


@pytest.mark.parametrize("odd", [None, True, ["card", "cash"], {"card": 2.0}, np.float64(3.0)])
def test_values_of_other_kinds_are_left_to_the_pipeline(odd: object) -> None:
    rows = [ROWS[0], {**ROWS[1], "payment": odd}]
    said: list[Any] = []
    for one in (PIPELINES[0], optimized(PIPELINES[0])):
        try:
            said.append(one.predict(rows).tolist())
        except (TypeError, ValueError) as error:
            said.append(repr(error))
    assert said[0] == said[1]


class Mine(LinearRegression):  # type: ignore[misc]  # scikit-learn has no types
    """A user's own, which may do anything."""

    def predict(self, X: Any) -> Any:  # noqa: N803 - scikit-learn's name
        return super().predict(X) + 1


@pytest.mark.parametrize(
    "pipeline",
    [
        make_pipeline(DictVectorizer(), RandomForestRegressor(2)),
        make_pipeline(DictVectorizer(), Mine()),
        make_pipeline(DictVectorizer(dtype=np.float32), LinearRegression()),
        make_pipeline(DictVectorizer(), "passthrough", Ridge()),
    ],
    ids=str,
)
def test_anything_else_stays_as_it_is(pipeline: Pipeline) -> None:
    assert optimized(pipeline.fit(ROWS, MINUTES)) is pipeline


def test_several_answers_a_row_stay_the_pipeline_s() -> None:
    pipeline = make_pipeline(DictVectorizer(), LinearRegression()).fit(ROWS, np.c_[MINUTES, MINUTES])
    assert optimized(pipeline) is pipeline
