"""Models to compare with: a linear one behind a DictVectorizer, as the tutorial has it, and a forest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

RIDES, FOREST_RIDES = 20_000, 5_000
TRUSTED = ["sklearn.tree._tree.Tree"]


def training() -> Any:
    """The synthetic city's training set (threeways.training.examples.Examples)."""
    from threeways.systems.taxi.duration import task
    from threeways.systems.taxi.training import load

    return load(task, None, None, lambda _: None)[0]


def linear(folder: Path, rides: Any) -> Path:
    """A linear model on the zone pair and the distance, logged by MLflow into a folder."""
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    dicts = [
        {"PU_DO": f"{pickup:.0f}_{dropoff:.0f}", "trip_distance": distance}
        for pickup, dropoff, distance in rides.block[:RIDES, [0, 1, 3]].tolist()
    ]
    fitted = make_pipeline(DictVectorizer(), LinearRegression()).fit(dicts, rides.target[:RIDES])
    return saved(fitted, folder)


def forest(folder: Path, rides: Any) -> Path:
    """A random forest on the task's block, logged by MLflow into a folder."""
    from sklearn.ensemble import RandomForestRegressor

    chosen = slice(FOREST_RIDES)
    fitted = RandomForestRegressor(n_estimators=100, max_depth=12, random_state=0, n_jobs=1)
    return saved(fitted.fit(rides.block[chosen], rides.target[chosen]), folder, rides.block[:1])


def saved(fitted: Any, folder: Path, example: Any = None) -> Path:
    """Logged by MLflow into a folder, in its default format. example: a row of its block, if it takes one."""
    import mlflow.sklearn
    from mlflow.models import infer_signature

    signature = None if example is None else infer_signature(example, np.zeros(1))
    mlflow.sklearn.save_model(
        fitted, str(folder), signature=signature, serialization_format="skops",
        skops_trusted_types=TRUSTED, pip_requirements=["scikit-learn"],
    )  # fmt: skip
    return folder
