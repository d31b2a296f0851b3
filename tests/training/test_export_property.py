"""Whatever small trees are grown, their graph says the same for whatever rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from export_lab import require_equal
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as some
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor

SMALL = st.sampled_from([-1.0, -0.0, 0.0, 0.1, 0.5, 1.0, 2.0, 16_777_217.0, 1e-310]) | st.floats(-1e6, 1e6)
ROWS = st.integers(8, 40)


def blocks(numbers: Any, rows: int) -> Any:
    return some.arrays(np.float64, (rows, 3), elements=numbers)


@settings(max_examples=100)
@given(st.data())
def test_any_small_boosting_is_equal_to_the_bit_for_any_rows(data: Any) -> None:
    rows = data.draw(ROWS)
    block = data.draw(blocks(SMALL | st.just(float("nan")), rows))
    block[0] = 0.0  # scikit-learn bins no column that is all missing
    target = data.draw(some.arrays(np.float64, rows, elements=st.floats(-100, 100)))
    model = HistGradientBoostingRegressor(
        max_iter=data.draw(st.integers(1, 6)), min_samples_leaf=1, learning_rate=0.3, early_stopping=False
    ).fit(block, target)
    thresholds = np.concatenate([tree.nodes["num_threshold"] for [tree] in model._predictors])
    near = np.concatenate([thresholds, np.nextafter(thresholds, np.inf), np.nextafter(thresholds, -np.inf)])
    asked = data.draw(blocks(st.sampled_from(near.tolist()) | st.floats(), data.draw(ROWS)))
    require_equal(model, np.vstack([block, asked]))


@settings(max_examples=60)
@given(st.data())
def test_any_small_forest_is_equal_to_the_bit_for_any_rows(data: Any) -> None:
    rows = data.draw(ROWS)
    block = data.draw(blocks(SMALL, rows))
    target = data.draw(some.arrays(np.float64, rows, elements=st.floats(-100, 100)))
    model = RandomForestRegressor(data.draw(st.integers(1, 4)), random_state=0).fit(block, target)
    thresholds = np.concatenate([tree.tree_.threshold for tree in model.estimators_])
    near = np.concatenate([thresholds, thresholds.astype(np.float32), np.nextafter(thresholds, np.inf)])
    asked = data.draw(blocks(st.sampled_from(near.tolist()) | st.floats(-3e38, 3e38), data.draw(ROWS)))
    require_equal(model, np.vstack([block, asked]))
