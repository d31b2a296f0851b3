"""What the features have to beat: a plain linear model on the zone pair and the distance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from threeways.artifact.inputs import Block
from threeways.systems.taxi.rides import COLUMNS
from threeways.training.examples import Target

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

_PAIR, _DISTANCE = COLUMNS.index("zone_pair"), COLUMNS.index("trip_distance")


def fit(block: Block, target: Target) -> Pipeline:
    """Fit a linear pipeline from the same (n, 6) block; pairs that it never saw count as nothing."""
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder

    pair = OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer([("pair", pair, [_PAIR]), ("distance", "passthrough", [_DISTANCE])])
    return Pipeline([("columns", columns), ("linear", LinearRegression())]).fit(block, target)
