"""The model: gradient boosting on the ride's features and on what its zones cost others, encoded.

Standard scikit-learn parts only, taking the features by position, so that anything that loads an MLflow
scikit-learn model loads this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.inputs import Block
from threeways.errors import DataError
from threeways.systems.taxi.rides import COLUMNS
from threeways.training.examples import Target

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

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


def parameters() -> dict[str, object]:
    """Return what a training logs as its parameters."""
    return {"seed": SEED, "encoding_folds": FOLDS, **BOOSTING}


def fit(
    block: Block, target: Target, *, speeds: bool = True, weights: NDArray[np.float64] | None = None
) -> Pipeline:
    """Fit a pipeline from the (n, 6) block of `COLUMNS` to (n,) true values.

    speeds: see `_encoded`. weights: (n,) of the rides in the boosting's loss, all the same if None.
    The booster learns from out-of-fold encodings, in which no ride has seen its own duration; the pipeline
    encodes new rides with all the data. Equal data gives equal bits. Raises DataError for too few rides.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.pipeline import Pipeline

    if len(target) < FEWEST_RIDES:
        raise DataError(
            f"only {len(target)} usable rides to train on; give data with {FEWEST_RIDES} at least"
        )
    encoder, encoded = _encoded(block, target, speeds=speeds)
    boosting = HistGradientBoostingRegressor(early_stopping=False, random_state=SEED, **BOOSTING)
    boosting.fit(encoded, target, sample_weight=weights)
    return Pipeline([("encode", encoder), ("boost", boosting)])


def _encoded(
    block: Block, target: Target, *, speeds: bool = True
) -> tuple[ColumnTransformer, NDArray[np.float64]]:
    """Return the fitted encoder, and the training matrix encoded out of fold.

    speeds: whether zones are encoded by miles per hour too, for a target in minutes. ColumnTransformer knows
    one target; the speeds are fitted into their encoder afterwards.
    """
    from sklearn.compose import ColumnTransformer

    names = ["duration", "speed"] if speeds else ["target"]
    parts: list[Any] = [("ride", "passthrough", _PLAIN)]
    encoder = ColumnTransformer([*parts, *((name, _zone_encoder(), _ZONES) for name in names)])
    matrix = encoder.fit_transform(block, target)
    fitted = encoder.named_transformers_
    if speeds:
        with np.errstate(over="ignore"):  # the absurd distances of some rides; clipped like the rest
            mph = np.clip(block[:, _DISTANCE] / target * 60, 0.0, FASTEST_MPH)
        matrix[:, encoder.output_indices_["speed"]] = fitted["speed"].fit_transform(block[:, _ZONES], mph)
    for name in names:
        # The folds have done their work; without the splitter the artifact holds one type fewer to trust.
        fitted[name].set_params(cv=FOLDS)
        encoder.set_params(**{f"{name}__cv": FOLDS})
    return encoder, matrix


def _zone_encoder() -> object:
    from sklearn.model_selection import KFold
    from sklearn.preprocessing import TargetEncoder

    return TargetEncoder(target_type="continuous", cv=KFold(FOLDS, shuffle=True, random_state=SEED))
